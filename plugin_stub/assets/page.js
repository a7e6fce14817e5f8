(function () {
  "use strict";
  var root = document.querySelector(".zoombridge");
  if (!root) {
    return;
  }

  // Moments in the reader's zone, in the page's language as the reader's region writes it.
  var spoken = (root.closest("[lang]") || root).lang || "en";
  var region = (navigator.languages || []).find(function (language) {
    return language.split("-")[0] === spoken.split("-")[0];
  });

  function showTimes(within) {
    within.querySelectorAll("time[datetime]:not([title])").forEach(function (element) {
      var moment = new Date(element.getAttribute("datetime"));
      if (!isNaN(moment)) {
        element.title = element.textContent;
        element.textContent = moment.toLocaleString(region || spoken, { dateStyle: "medium", timeStyle: "short" });
      }
    });
  }

  // Times of filters are typed in the reader's zone, and sent in UTC, as they stand in addresses.
  function useOwnZone(within) {
    within.querySelectorAll('input[type="datetime-local"][name]').forEach(function (field) {
      var label = field.labels[0];
      var zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (!label || !zone || label.textContent.indexOf("UTC") < 0 || !field.form) {
        return;
      }
      var sent = document.createElement("input");
      sent.type = "hidden";
      sent.name = field.name;
      sent.value = field.value;
      field.removeAttribute("name");
      field.after(sent);
      var moment = new Date(field.value + "Z");
      if (!isNaN(moment)) {
        var shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
        field.value = shifted.toISOString().slice(0, field.value.length);
      }
      var shown = field.value;
      label.textContent = label.textContent.replace("UTC", zone);
      field.form.addEventListener("submit", function () {
        var typed = new Date(field.value);
        if (field.value !== shown) {
          sent.value = isNaN(typed) ? "" : typed.toISOString().slice(0, field.value.length);
        }
      });
    });
  }

  // A table that is laid out as cards stays a table for those who hear it.
  function nameTables(within) {
    within.querySelectorAll("table.zoombridge-table").forEach(function (table) {
      table.setAttribute("role", "table");
      [["thead, tbody, tfoot", "rowgroup"], ["tr", "row"], ["td", "cell"], ["thead th", "columnheader"], ["tbody th", "rowheader"]].forEach(
        function (pair) {
          table.querySelectorAll(pair[0]).forEach(function (element) {
            element.setAttribute("role", pair[1]);
          });
        }
      );
    });
  }

  function showCopyButtons(within) {
    within.querySelectorAll("[data-copy]").forEach(function (button) {
      button.hidden = false;
    });
  }

  // A button that says "Copied" gets its own label back with the next click on the page.
  var restoreLabel = function () {};

  function label(button, text) {
    restoreLabel();
    var own = button.textContent;
    restoreLabel = function () {
      button.textContent = own;
      restoreLabel = function () {};
    };
    button.textContent = text;
    say(text);
  }

  function copy(button) {
    var field = document.getElementById(button.getAttribute("data-copy"));
    field.focus();
    field.select();
    // The clipboard needs a secure context; the older command works on plain http, too.
    var copied = navigator.clipboard
      ? navigator.clipboard.writeText(field.value)
      : document.execCommand("copy")
        ? Promise.resolve()
        : Promise.reject(new Error("not allowed"));
    copied.then(
      function () {
        label(button, root.dataset.textCopied);
      },
      function () {
        label(button, root.dataset.textPress);
      }
    );
  }

  document.addEventListener("click", function () {
    restoreLabel();
  }, true);

  root.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (button) {
      copy(button);
    }
  });

  // Ask before what cannot be undone: a form, or the button that sends it, says the question in data-confirm.
  root.addEventListener("submit", function (event) {
    var form = event.target;
    var button = event.submitter;
    var asker = button && button.dataset.confirm ? button : form;
    if (!asker.dataset.confirm || form.dataset.confirmed || typeof HTMLDialogElement === "undefined") {
      return;
    }
    event.preventDefault();
    ask(asker.dataset.confirm, asker.dataset.confirmYes || (button && button.textContent.trim()), function () {
      form.dataset.confirmed = "yes";
      form.requestSubmit(button);
      delete form.dataset.confirmed;
    });
  });

  function ask(question, yes, then) {
    var dialog = document.createElement("dialog");
    var words = document.createElement("p");
    var buttons = document.createElement("form");
    var no = document.createElement("button");
    var go = document.createElement("button");
    dialog.className = "zoombridge-dialog";
    words.id = "zb-question";
    words.textContent = question;
    dialog.setAttribute("aria-labelledby", words.id);
    buttons.method = "dialog";
    buttons.className = "zoombridge-actions";
    no.textContent = root.dataset.textCancel;
    no.value = "no";
    no.autofocus = true;
    go.textContent = yes || root.dataset.textContinue;
    go.value = "yes";
    go.className = "is-primary is-danger";
    buttons.append(no, go);
    dialog.append(words, buttons);
    dialog.addEventListener("close", function () {
      dialog.remove();
      if (dialog.returnValue === "yes") {
        then();
      }
    });
    root.append(dialog);
    dialog.showModal();
  }

  // What changes by itself is said when the reader pauses.
  var voice = document.createElement("p");
  voice.className = "zoombridge-hidden";
  voice.setAttribute("aria-live", "polite");
  root.append(voice);

  function say(words) {
    voice.textContent = words;
  }

  // --- Live parts: fetch this page again, and put in the parts that still ask for it ---

  var MOST_FAILURES = 6;
  var failures = 0;
  var timer = 0;
  var raw = new WeakMap(); // what the bridge sent, before times were put into the reader's zone

  function live() {
    return [].slice.call(root.querySelectorAll("[id][data-live]"));
  }

  function schedule() {
    window.clearTimeout(timer);
    var parts = live();
    if (!parts.length || document.hidden || failures >= MOST_FAILURES) {
      return;
    }
    var seconds = Math.min.apply(
      null,
      parts.map(function (part) {
        return Math.max(1, Number(part.dataset.live) || 5);
      })
    );
    timer = window.setTimeout(look, seconds * 1000 * Math.pow(2, failures));
  }

  function look() {
    fetch(window.location.href, { credentials: "same-origin", cache: "no-store" })
      .then(function (answer) {
        if (!answer.ok) {
          throw new Error("status " + answer.status);
        }
        if (answer.redirected && follows()) {
          window.location.replace(answer.url);
          return null;
        }
        return answer.text();
      })
      .then(function (text) {
        if (text === null) {
          return;
        }
        // Its styles are those of this page; the browser would complain of their nonce.
        var page = new DOMParser().parseFromString(text.replace(/<style[^]*?<\/style>/g, ""), "text/html");
        var parts = live();
        var found = parts.filter(function (part) {
          return page.getElementById(part.id);
        });
        if (!found.length) {
          throw new Error("another page"); // signed out, or WordPress is being updated
        }
        found.forEach(function (part) {
          replace(part, page.getElementById(part.id));
        });
        failures = 0;
      })
      .catch(function () {
        failures += 1;
        if (failures >= MOST_FAILURES) {
          live().forEach(giveUp);
        }
      })
      .then(schedule);
  }

  // A part with data-follow goes on to where its page leads once it is done.
  function follows() {
    return live().some(function (part) {
      return part.hasAttribute("data-follow");
    });
  }

  function replace(old, parsed) {
    var active = old.contains(document.activeElement) ? document.activeElement : null;
    // A field that was only focused, or copied from, has nothing to lose.
    var chooses = active && active.matches("select, [type=checkbox], [type=radio]");
    var typing = chooses || (active && active.matches("input, textarea") && active.value !== active.defaultValue);
    if (typing || root.querySelector("dialog[open]") || raw.get(old) === parsed.outerHTML) {
      return;
    }
    var fresh = document.importNode(parsed, true);
    raw.set(fresh, parsed.outerHTML);
    var opened = [].map.call(old.querySelectorAll("details"), function (details) {
      return details.open;
    });
    [].forEach.call(fresh.querySelectorAll("details"), function (details, position) {
      details.open = opened[position] || details.open;
    });
    // What was typed stays where its field does.
    old.querySelectorAll("input[id], textarea[id]").forEach(function (field) {
      var same = fresh.querySelector("#" + field.id);
      if (same && field.value !== field.defaultValue) {
        same.value = field.value;
      }
    });
    var again = active && places(old).indexOf(active);
    var said = old.dataset.announce;
    old.replaceWith(fresh);
    enhance(fresh);
    if (active) {
      var same = (active.id && document.getElementById(active.id)) || places(fresh)[again] || fresh;
      if (same === fresh) {
        fresh.tabIndex = -1;
      }
      same.focus({ preventScroll: true });
      if (same.matches("input[readonly]")) {
        same.select(); // to be copied
      }
    }
    if (fresh.dataset.announce && fresh.dataset.announce !== said) {
      say(fresh.dataset.announce);
    }
  }

  function places(part) {
    return [].slice.call(part.querySelectorAll("a[href], button, summary, [tabindex]"));
  }

  function giveUp(part) {
    part.querySelectorAll("[data-refresh]").forEach(function (link) {
      link.hidden = false;
    });
    var words = document.createElement("p");
    words.className = "zoombridge-stale";
    words.textContent = root.dataset.textStale;
    part.append(words);
    say(root.dataset.textStale);
  }

  document.addEventListener("visibilitychange", function () {
    window.clearTimeout(timer);
    if (!document.hidden && live().length && failures < MOST_FAILURES) {
      look();
    }
  });

  function enhance(part) {
    showTimes(part);
    nameTables(part);
    showCopyButtons(part);
    if (part.matches("[data-live]") || part === root) {
      part.querySelectorAll("[data-refresh]").forEach(function (link) {
        link.hidden = Boolean(link.closest("[id][data-live]"));
      });
    }
  }

  live().forEach(function (part) {
    raw.set(part, part.outerHTML);
  });
  enhance(root);
  useOwnZone(root);
  schedule();

  // The form that opens the bridge's own address, where the browser can probably reach it.
  var enter = root.querySelector("#zb-enter[data-at-once]");
  if (enter) {
    enter.submit();
  }
})();
