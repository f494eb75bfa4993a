(function () {
  "use strict";
  var say = document.documentElement.dataset;

  document.querySelectorAll(".nb-table table").forEach(function (table) { serveTable(table, say); });

  var contents = document.querySelector(".contents details");
  if (contents && window.matchMedia("(max-width:60rem)").matches) contents.open = false;

  var code = document.querySelector("button[data-code]");
  if (code) {
    code.hidden = false;
    code.addEventListener("click", function () {
      var shown = document.body.classList.toggle("show-code");
      code.setAttribute("aria-pressed", String(shown));
      code.textContent = shown ? say.hide : say.show;
    });
  }
})();
