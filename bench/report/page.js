"use strict";
(() => {
  const kinds = JSON.parse(document.getElementById("kinds").textContent);
  const tip = document.getElementById("tip");

  // The rows of a table as a chart takes them; numbers as they were, not as they are written.
  function records(table, most) {
    const heads = [...table.tHead.rows[0].cells];
    const value = (cell, head) => {
      if (!("n" in head.dataset)) return cell.textContent;
      if (cell.textContent === "-") return null;
      return Number(cell.dataset.v ?? cell.textContent);
    };
    return [...table.tBodies[0].rows].slice(0, most).map((row) =>
      Object.fromEntries(heads.map((head, i) => [head.dataset.f, value(row.cells[i], head)])));
  }

  // Show pairs of a label and a text beside a point of the window; none hide what is shown.
  function tell(pairs, x, y) {
    tip.hidden = pairs.length === 0;
    if (tip.hidden) return;
    const lines = pairs.map(([name, text]) => {
      const line = document.createElement("div");
      const label = document.createElement("b");
      label.textContent = `${name} `;
      line.append(label, String(text));
      return line;
    });
    tip.replaceChildren(...lines);
    const left = Math.min(x + 12, innerWidth - tip.offsetWidth - 8);
    const below = y + 16;
    const top = below + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 8 : below;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, top)}px`;
  }

  // Without content, there may be no event either.
  const point = (_, event, item, content) =>
    tell(Object.entries(content || {}), event?.clientX, event?.clientY);

  const embedded = new WeakMap();
  const prepared = new WeakMap();
  const little = matchMedia("(max-width: 640px)");

  async function draw(chart) {
    if (chart.dataset.drawn) return;
    chart.dataset.drawn = "begun";
    const more = prepared.get(chart)?.();
    const { kind, signals, narrow, most } = chart.dataset;
    const rows = records(chart.parentElement.querySelector("table"), most ? Number(most) : undefined);
    const values = { ...JSON.parse(signals ?? "{}"), ...more };
    if (narrow && little.matches) Object.assign(values, JSON.parse(narrow));
    const spec = structuredClone(kinds[kind]);
    for (const source of spec.data) if (source.name === "table") source.values = rows;
    for (const signal of spec.signals) if (signal.name in values) signal.value = values[signal.name];
    // Vega labels what it draws in after itself; the chart's own label is the one to be read.
    const inside = document.createElement("div");
    inside.ariaHidden = "true";
    chart.replaceChildren(inside);
    embedded.get(chart)?.finalize();
    embedded.set(chart, await vegaEmbed(inside, spec, {
      mode: "vega", renderer: "svg", actions: false, defaultStyle: false,
      tooltip: prepared.has(chart) ? () => {} : point,
      logLevel: 1,
    }));
    chart.style.minHeight = "";
    chart.dataset.drawn = "yes";
    chart.dispatchEvent(new Event("drawn"));
  }

  const charts = () => document.querySelectorAll(".chart");
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "300px" });
  for (const chart of charts()) seen.observe(chart);
  addEventListener("beforeprint", () => {
    for (const chart of charts()) if (!chart.closest("details:not([open]), [hidden]")) draw(chart);
  });

  // For the script of a page that makes its charts itself. What is called before one is drawn
  // makes the table beside it, and returns more signals.
  window.charts = {
    tell,
    add(chart, prepare) {
      prepared.set(chart, prepare);
      seen.observe(chart);
    },
    remove(chart) {
      seen.unobserve(chart);
      embedded.get(chart)?.finalize();
    },
  };

  little.addEventListener("change", () => {
    for (const chart of charts()) {
      if (!chart.dataset.narrow || !chart.dataset.drawn) continue;
      delete chart.dataset.drawn;
      draw(chart);
    }
  });

  // A picture is one stop of the Tab key, in which the arrow keys move from cell to cell: the
  // pattern of a grid. Without a script it is a table of links.
  for (const table of document.querySelectorAll(".matrix table")) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const links = (cells) => cells.map((cell) => cell?.querySelector("a")).filter(Boolean);
    const all = rows.flatMap((row) => links([...row.cells]));
    if (!all.length) continue;
    let current = all[0];
    for (const link of all) link.tabIndex = link === current ? 0 : -1;
    table.role = "grid";
    table.parentElement.removeAttribute("tabindex");
    table.addEventListener("focusin", ({ target }) => {
      current.tabIndex = -1;
      current = target;
      current.tabIndex = 0;
    });
    table.addEventListener("keydown", (event) => {
      if (event.altKey || event.metaKey || event.shiftKey) return;
      const cell = event.target.closest("td");
      const across = event.ctrlKey ? all : links([...cell.parentElement.cells]);
      const down = links(rows.map((row) => row.cells[cell.cellIndex]));
      const next = {
        ArrowLeft: across[across.indexOf(current) - 1],
        ArrowRight: across[across.indexOf(current) + 1],
        ArrowUp: down[down.indexOf(current) - 1],
        ArrowDown: down[down.indexOf(current) + 1],
        Home: across[0],
        End: across.at(-1),
      };
      if (!(event.key in next) || (event.ctrlKey && event.key.startsWith("Arrow"))) return;
      event.preventDefault();
      next[event.key]?.focus();
    });
  }

  // What a link leads to is in what is folded.
  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target?.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    target?.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();

  // The reader's choice stays, where the browser may keep it.
  const root = document.documentElement;
  const button = document.getElementById("theme");
  button.hidden = false;
  const kept = (action) => { try { return action(localStorage); } catch { return null; } };
  function paint(theme) {
    root.dataset.theme = theme;
    button.textContent = `Use ${theme === "dark" ? "light" : "dark"} colours`;
  }
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  paint(kept((store) => store.getItem("theme")) ?? preferred);
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    paint(theme);
    kept((store) => store.setItem("theme", theme));
  });
})();
