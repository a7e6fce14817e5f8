"""One WordPress that runs, and what tests do with it."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.wordpress import packages, php
from tests.wordpress.install import Database, install, place
from tests.wordpress.mariadb import MariaDB
from tests.wordpress.php import Code
from tests.wordpress.serve import HOST, PhpServer, reserve, serve
from tests.wordpress.sqlite import SQLite

USER = "admin"
PASSWORD = "correct horse battery staple"


class WordPress:
    """A WordPress with a database of its own, served on this machine; a context manager that ends both.

    Nothing of it is worth keeping: no mail leaves it, cron stands still, it reaches no other machine, and
    its files go when it stops (but for those in a `directory` that was given).
    """

    user = USER
    password = PASSWORD

    def __init__(
        self,
        kind: packages.Kind,
        *,
        program: str,
        url: str,
        directory: Path,
        version: str,
        application_password: str,
        database: Database,
        server: PhpServer,
    ) -> None:
        """Hold what `start` made."""
        self.kind = kind
        self.url = url
        self.version = version
        self.application_password = application_password
        self.directory = directory / "wordpress"
        self.log_path = directory / "php.log"
        self.program = program
        self._database = database
        self._server = server
        self._is_served_by_another = False

    @classmethod
    def start(
        cls,
        kind: packages.Kind,
        *,
        plugins: Sequence[Path] = (),
        cache: Path | None = None,
        directory: Path | None = None,
        port: int = 0,
        workers: int = 4,
        permalinks: str = "/%postname%/",
    ) -> Self:
        """Install a WordPress, activate the plugins, take a snapshot, and serve it.

        `cache` is where downloads are kept and `directory`, which must not be there yet, where the site
        is put; both have their places when not given. `port` 0 is any that is free.
        """
        temporary = directory is None
        directory = (directory or Path(tempfile.mkdtemp(prefix="zoombridge-")) / "site").absolute()
        directory.mkdir(parents=True)
        wordpress, log = directory / "wordpress", directory / "php.log"
        log.touch()
        database: Database | None = None
        held = reserve(port)
        try:
            url = f"http://{HOST}:{held.getsockname()[1]}"
            program = packages.php(kind, cache)
            if kind == "playground-sqlite":
                database = SQLite(directory / "database")
            else:
                database = MariaDB(directory / "database", directory / "mariadb.log")
            place(kind, wordpress, database, log, cache)
            installed = install(
                wordpress,
                program=program,
                url=url,
                user=USER,
                password=PASSWORD,
                permalinks=permalinks,
                log=log,
            )
            server = serve(
                wordpress,
                held,
                program=program,
                workers=workers,
                php_log=log,
                log=directory / "server.log",
                remove=directory if temporary else None,
            )
        except BaseException as error:
            held.close()
            if database:
                # A server that ended by itself is the cause, and its log goes with the directory.
                error.add_note(database.log_tail())
                database.stop()
            if temporary:
                shutil.rmtree(directory.parent, ignore_errors=True)
            raise
        site = cls(
            kind,
            program=program,
            url=url,
            directory=directory,
            version=installed.version,
            application_password=installed.application_password,
            database=database,
            server=server,
        )
        try:
            for plugin in plugins:
                site.add_plugin(plugin)
            site.snapshot()
        except BaseException:
            site.stop()
            raise
        return site

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<WordPress {self.version} ({self.kind}) at {self.url}>"

    @property
    def rest_root(self) -> str:
        """Where its REST API stands, with a slash at the end."""
        return f"{self.url}/wp-json/"

    def rest(
        self, method: str, path: str, *, auth: tuple[str, str] | None = None, **options: Any
    ) -> requests.Response:
        """Ask its REST API for `path`, as the administrator with the application password."""
        return requests.request(
            method,
            self.rest_root + path,
            auth=auth or (self.user, self.application_password),
            timeout=options.pop("timeout", 30),
            **options,
        )

    def php(self, code: str, **arguments: Any) -> Any:
        """Run PHP inside this WordPress and give back what it returns, by way of JSON.

        Each argument is a variable in the code: `site.php("return get_the_title($post);", post=7)`.
        Raises PhpError with all that PHP said.
        """
        if self._is_served_by_another:
            return self.command_line(code, **arguments)
        with self._code(code, arguments) as prepared:
            return php.run_in_server(prepared, self.url, self._server.token)

    def command_line(self, code: str, **arguments: Any) -> Any:
        """Do the same on the command line, where plugins withhold nothing from whoever runs PHP."""
        with self._code(code, arguments) as prepared:
            return php.run(prepared, self.program, self.log_path)

    def _code(self, code: str, arguments: dict[str, Any]) -> Code:
        return Code(code, directory=self.directory, url=self.url, log=self.log_path, arguments=arguments)

    def php_log(self) -> str:
        """The notices, warnings and errors since the last reset."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def add_plugin(self, folder: Path, slug: str | None = None) -> str:
        """Copy a plugin's folder, in place of one with that slug, and activate it.

        Gives back WordPress's own name for it, "slug/file.php". The next reset undoes the activation,
        unless a snapshot follows.
        """
        slug = slug or folder.name
        installed = self.directory / "wp-content/plugins" / slug
        if installed.exists():
            shutil.rmtree(installed)
        # With times of their own: PHP takes a file of the same time for the one that it has compiled.
        shutil.copytree(folder, installed, copy_function=shutil.copyfile)
        if self.kind == "minimum-mariadb":
            self._allow(installed)
        plugin: str = self.php(
            """
            require_once ABSPATH . 'wp-admin/includes/plugin.php';
            wp_set_current_user( get_user_by( 'login', $user )->ID );
            $files = array_keys( get_plugins( "/$slug" ) );
            if ( ! $files ) {
                throw new RuntimeException( "No file in the folder $slug has a plugin's header." );
            }
            $activated = activate_plugin( "$slug/$files[0]" );
            if ( is_wp_error( $activated ) ) {
                throw new RuntimeException( $activated->get_error_message() );
            }
            // Its post types want rules of their own; they are made when the next visitor comes.
            delete_option( 'rewrite_rules' );
            return "$slug/$files[0]";
            """,
            slug=slug,
            user=self.user,
        )
        return plugin

    def _allow(self, plugin: Path) -> None:
        """Have a plugin ask for no more than this WordPress, which is older than the one that ours asks for."""
        for file in (*plugin.glob("*.php"), *plugin.glob("readme.txt")):
            text = file.read_text(encoding="utf-8")
            file.write_text(
                re.sub(r"(Requires at least: +)\S+", rf"\g<1>{self.version}", text), encoding="utf-8"
            )

    def deactivate_plugin(self, slug: str) -> None:
        """Deactivate what stands in the plugin folder `slug`; its files stay."""
        self.php(
            """
            require_once ABSPATH . 'wp-admin/includes/plugin.php';
            foreach ( array_keys( get_plugins( "/$slug" ) ) as $file ) {
                deactivate_plugins( "$slug/$file" );
            }
            delete_option( 'rewrite_rules' );
            """,
            slug=slug,
        )

    def snapshot(self) -> None:
        """Keep what is in the database now, for `reset`. Files are not part of it."""
        self._database.snapshot()

    def reset(self) -> None:
        """Put back what was in the database at the last snapshot, and empty the log."""
        self._database.reset()
        # Emptied and not deleted: PHP's workers may hold it open.
        self.log_path.write_bytes(b"")

    def give_way(self) -> None:
        """End the web server, so that another one can take its address; from then on PHP runs on the command line."""
        self._server.stop()
        self._is_served_by_another = True

    def stop(self) -> None:
        """End the web server and the database; what is left of files goes with them."""
        self._database.stop()
        self._server.stop()
