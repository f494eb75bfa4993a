// Makes a table sortable by its headings, and filtered and leafed through where it is long. `say` holds the words.
var serveTable = (function () {
  "use strict";
  var PAGE = 25, FEW = 8;

  function make(tag, text, parent) {
    var node = document.createElement(tag);
    node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  function button(text, parent, act) {
    var node = make("button", text, parent);
    node.type = "button";
    node.addEventListener("click", act);
    return node;
  }

  function value(row, column, numeric) {
    var text = row.cells[column].textContent.trim();
    if (!numeric) return text;
    var figure = parseFloat(text.replace(/,/g, ""));
    return isNaN(figure) ? -Infinity : figure;
  }

  function compare(a, b) {
    return typeof a === "number" ? (a > b) - (a < b) : a.localeCompare(b, undefined, { numeric: true });
  }

  return function (table, say) {
    var box = table.parentNode, body = table.tBodies[0], all = Array.from(body.rows), found = all, page = 0;
    var heads = Array.from(table.tHead.rows[0].cells), status, back, on;

    function draw() {
      var first = page * PAGE, last = Math.min(first + PAGE, found.length);
      all.forEach(function (row) { row.classList.add("off"); });
      found.slice(first, last).forEach(function (row) { row.classList.remove("off"); });
      if (!status) return;
      status.textContent = (found.length ? first + 1 + "–" + last : "0") + " / " + found.length;
      back.disabled = page === 0;
      on.disabled = last >= found.length;
    }

    heads.forEach(function (head, column) {
      var numeric = head.classList.contains("n"), text = head.textContent;
      head.textContent = "";
      button(text, head, function () {
        var down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : numeric;
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        var order = function (a, b) { return compare(value(a, column, numeric), value(b, column, numeric)) * (down ? -1 : 1); };
        all.sort(order);
        found = found.slice().sort(order);
        all.forEach(function (row) { body.appendChild(row); });
        page = 0;
        draw();
      });
    });

    if (all.length > FEW) {
      var tools = make("div", "", box.parentNode);
      tools.className = "tools";
      box.parentNode.insertBefore(tools, box);
      var label = make("label", say.filter + " ", tools), input = make("input", "", label);
      input.type = "search";
      input.addEventListener("input", function () {
        var wanted = input.value.toLowerCase();
        found = all.filter(function (row) { return row.textContent.toLowerCase().indexOf(wanted) >= 0; });
        page = 0;
        draw();
      });
      if (all.length > PAGE) {
        back = button(say.back, tools, function () { page -= 1; draw(); });
        on = button(say.on, tools, function () { page += 1; draw(); });
      } else {
        back = on = {};
      }
      status = make("span", "", tools);
      status.setAttribute("role", "status");
      draw();
    }
  };
})();
