(function () {
  "use strict";
  document.querySelectorAll(".zoombridge time[datetime]").forEach(function (element) {
    var moment = new Date(element.getAttribute("datetime"));
    if (!isNaN(moment)) {
      element.title = element.textContent;
      element.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    }
  });
  document.querySelectorAll(".zoombridge [data-copy]").forEach(function (button) {
    var field = document.getElementById(button.getAttribute("data-copy"));
    var words = button.textContent;
    button.hidden = false;
    button.addEventListener("click", function () {
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
          button.textContent = "Copied";
          window.setTimeout(function () {
            button.textContent = words;
          }, 2000);
        },
        function () {
          button.textContent = "Press Ctrl+C";
        }
      );
    });
  });
})();
