"use strict";
(() => {
  const data = JSON.parse(document.getElementById("history").textContent);
  const commits = data.ids.length;
  const margin = Math.max(0.5, commits * 0.01);
  const { series } = data;
  const short = (k) => data.ids[k].slice(0, 12);
  const format = new Intl.NumberFormat("en-US");
  const grouped = (number) => format.format(number);
  const plural = (number, word) => `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;

  // As gradmeter writes bytes everywhere: ties are rounded to the even digit.
  function bytesText(count) {
    if (Math.abs(count) < 10000) return `${grouped(count)} B`;
    let value = count;
    for (const unit of ["kB", "MB", "GB"]) {
      value /= 1000;
      const even = Math.abs(value) % 1 === 0.25 ? value - 0.01 * Math.sign(value) : value;
      if (Math.abs(value) < 999.95) return `${even.toFixed(1)} ${unit}`;
    }
    return `${(value / 1000).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} TB`;
  }

  // A name whose lines break between its parts, as those that are not of this script.
  function nameOf(title) {
    const name = make("bdi");
    for (const piece of title.match(/(?:[^\W_]|\.(?=[^\W_]))+[\W_]*|[\W_]+/gu) ?? []) name.append(make("wbr"), piece);
    return name;
  }

  function make(tag, text = "", properties = {}) {
    const element = Object.assign(document.createElement(tag), properties);
    element.textContent = text;
    return element;
  }

  // A figure of all cases: how its values are written, and by which unit they are divided.
  function figure(index) {
    const [name, bytes] = data.figures[index];
    const units = bytes ? [" B", " kB", " MB", " GB", " TB"] : ["", " k", " M", " G"];
    const text = bytes ? bytesText : grouped;
    return {
      index, text, name: name.replaceAll("_", " "),
      exact: (value) => (bytes && value >= 10000 ? ` (${grouped(value)} B)` : ""),
      change(from, to) {
        const size = Math.abs(to - from);
        return `${to > from ? "+" : "-"}${text(size)}`;
      },
      unit(most) {
        let power = 0;
        while (power < units.length - 1 && most >= 1000 ** (power + 1)) power += 1;
        return { unit: 1000 ** power, name: units[power] };
      },
    };
  }

  // The tracks of a case, its levels with names.
  function tracksOf(item, shown) {
    return (item.figures[shown.index] ?? []).map(([version, levels]) => ({
      version: version < 0 ? "" : data.versions[version],
      levels: levels.map(([begin, end, value, status = 0, stretches = 0, dirty = 0, lines = 0]) => ({
        begin, end, value, dirty,
        status: status ? data.statuses[status - 1] : "",
        stretches: stretches || [[begin, end]],
        lines: (lines || []).map(([place, size]) => [data.places[place], bytesText(size)]),
      })),
    }));
  }

  const gapsOf = (item) => [...data.problems, ...item.missing].map(([begin, end, reason]) =>
    ({ begin, end, reason: data.reasons[reason] }));

  // What is to be said of a commit: pairs of a label and a text.
  function about(view, k) {
    const { item, shown, tracks, gaps } = view;
    const pairs = [
      ["commit", `${short(k)}, ${data.dates[k]}`],
      ["author", data.authors[data.author[k]]],
      ["", data.subjects[k]],
    ];
    const gap = gaps.find(({ begin, end }) => begin <= k && k <= end);
    if (gap) pairs.push(["not measured", gap.reason]);
    for (const { version, levels } of tracks) {
      const label = version ? `${shown.name}, ${version}` : shown.name;
      const i = levels.findLastIndex(({ begin }) => begin <= k);
      if (i < 0) continue;
      const level = levels[i];
      const next = levels[i + 1];
      if (k > level.end) {
        if (next) pairs.push([label, `${shown.text(level.value)} or ${shown.text(next.value)}: not recorded here`]);
        continue;
      }
      const recorded = level.stretches.some(([a, b]) => a <= k && k <= b);
      const unsure = recorded || gap ? "" : ", as before and after; not recorded here";
      pairs.push([label, `${shown.text(level.value)}${shown.exact(level.value)}${unsure}`]);
      if (k === level.begin && level.status) {
        const change = i ? `${shown.change(levels[i - 1].value, level.value)}, ` : "";
        const why = level.status === "accepted" ? `: ${data.accepted[k] ?? ""}` : "";
        pairs.push(["step", `${change}${level.status}${why}`]);
      }
      if (k === level.begin && level.dirty) pairs.push(["", "recorded with changes that were not committed"]);
      for (const [place, size] of level.lines) pairs.push([size, place]);
    }
    if (pairs.length === 3) pairs.push([shown.name, `not recorded here for ${item.title}`]);
    return pairs;
  }

  const COLUMNS = [
    ["commit", "commit"], ["value", "", 1], ["change", "change"], ["status", "step"],
    ["date", "date"], ["author", "author"], ["subject", "subject"], ["lines", "largest lines"],
    ["begin", "no.", 1], ["end", "to no.", 1], ["measured", "recorded"], ["series", "series", 1],
    ["version", "measured with"],
  ];

  // The table behind a chart, the newest level first; the chart is drawn from it.
  function tableOf({ item, shown, tracks, gaps }) {
    const rows = gaps.map(({ begin, end, reason }) =>
      ({ begin, end, value: null, change: reason, status: "", series: 1, measured: "", lines: "", version: "" }));
    tracks.forEach(({ version, levels }, number) => levels.forEach((level, i) => rows.push({
      ...level, version, series: number + 1,
      change: i ? shown.change(levels[i - 1].value, level.value) : "",
      measured: level.stretches.map(([a, b]) => (a === b ? a + 1 : `${a + 1}-${b + 1}`)).join(" "),
      lines: level.lines.map(([place, size]) => `${size} ${place}`).join("; "),
    })));
    rows.sort((a, b) => b.begin - a.begin);
    const table = make("table");
    table.append(make("caption", `${shown.name} of ${item.title}, and why it was not measured`));
    const head = table.createTHead().insertRow();
    for (const [field, title, number] of COLUMNS) {
      const cell = make("th", field === "value" ? shown.name : title, { scope: "col" });
      cell.dataset.f = field;
      if (number) cell.dataset.n = "";
      else cell.className = "text";
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of rows) {
      const { begin } = row;
      const told = {
        ...row, commit: short(begin), date: data.dates[begin], subject: data.subjects[begin],
        author: data.authors[data.author[begin]], begin: begin + 1, end: row.end + 1,
      };
      const line = body.insertRow();
      for (const [field, , number] of COLUMNS) {
        const value = told[field];
        const cell = make(field === "commit" ? "th" : "td");
        if (field === "commit") cell.scope = "row";
        else if (!number) cell.className = "text";
        if (field === "commit" && row.status) {
          cell.append(make("a", value, { href: `#step-${data.ids[begin]}` }));
        } else if (field === "value" && value !== null) {
          cell.textContent = shown.text(value);
          cell.dataset.v = value;
        } else cell.textContent = value ?? "-";
        line.append(cell);
      }
    }
    return table;
  }

  function signalsOf({ shown, tracks }) {
    const values = tracks.flatMap(({ levels }) => levels.map(({ value }) => value));
    const least = Math.min(...values);
    const most = Math.max(...values);
    const { unit, name } = shown.unit(most);
    const room = (most - least) * 0.15;
    const far = most - least > most / 2;
    const low = far || least === most ? 0 : least - room;
    const high = least === most ? most * 1.25 || 1 : most + room;
    return {
      unit, name, low: low / unit, high: high / unit, dates: data.dates,
      first: 1 - margin, last: commits + margin,
    };
  }

  function factOf({ shown, tracks }) {
    if (tracks.length > 1) return `${shown.name} in ${tracks.length} series, each compared with itself alone`;
    const { levels } = tracks[0];
    const last = levels.at(-1);
    const changes = levels.length - 1;
    const before = changes ? `, ${shown.change(levels.at(-2).value, last.value)}` : "";
    return `${shown.text(last.value)} since ${short(last.begin)} of ${data.dates[last.begin]}${before}; `
      + `changed ${changes === 1 ? "once" : `${grouped(changes)} times`}`;
  }

  // A vertical line at a commit, a point on each track, and what is to be said beside them.
  function cursor(chart, view) {
    const line = make("i", "", { className: "cursor", hidden: true });
    let dots = [];
    let at = commits - 1;
    const hide = () => {
      line.hidden = true;
      for (const dot of dots) dot.remove();
      dots = [];
      charts.tell([]);
    };
    const plot = () => chart.querySelector("svg .background")?.getBoundingClientRect();
    const { low, high, unit, first, last } = signalsOf(view);
    function move(k, x, y) {
      at = Math.min(Math.max(k, 0), commits - 1);
      const pairs = about(view, at);
      chart.setAttribute("aria-valuenow", at + 1);
      chart.setAttribute("aria-valuetext", pairs.map((pair) => pair.filter(Boolean).join(" ")).join("; "));
      const area = plot();
      if (!area) return;
      const own = chart.getBoundingClientRect();
      const left = area.left + area.width * (at + 1 - first) / (last - first);
      hide();
      line.hidden = false;
      line.style.cssText = `left:${left - own.left}px; top:${area.top - own.top}px; height:${area.height}px`;
      chart.append(line);
      for (const { levels } of view.tracks) {
        const level = levels.find(({ begin, end }) => begin <= at && at <= end);
        if (!level) continue;
        const top = area.bottom - area.height * (level.value / unit - low) / (high - low);
        const dot = make("i", "", { className: "dot" });
        dot.style.cssText = `left:${left - own.left}px; top:${top - own.top}px`;
        chart.append(dot);
        dots.push(dot);
      }
      charts.tell(pairs, x ?? left, y ?? area.top + area.height / 2);
    }
    function point(event) {
      const area = plot();
      if (!area) return;
      const k = first + (last - first) * (event.clientX - area.left) / area.width;
      move(Math.round(k) - 1, event.clientX, event.clientY);
    }
    const begins = [...view.tracks.flatMap(({ levels }) => levels), ...view.gaps].map(({ begin }) => begin);
    const ends = [...new Set(begins)].sort((a, b) => a - b);
    const keys = {
      ArrowLeft: () => at - 1,
      ArrowRight: () => at + 1,
      Home: () => 0,
      End: () => commits - 1,
      PageUp: () => ends.findLast((k) => k < at) ?? 0,
      PageDown: () => ends.find((k) => k > at) ?? commits - 1,
    };
    chart.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      if (!(event.key in keys)) return;
      event.preventDefault();
      move(keys[event.key]());
    });
    chart.addEventListener("pointermove", point);
    chart.addEventListener("pointerdown", point);
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("focus", () => { if (chart.matches(":focus-visible")) move(at); });
    chart.addEventListener("drawn", () => { if (document.activeElement === chart) move(at); });
    return (k) => { at = k; };
  }

  function article(item, number, shown, tracks) {
    const view = { item, shown, tracks, gaps: gapsOf(item) };
    const element = make("article", "", { className: "case", id: `case-${number}` });
    const title = make("h3");
    title.append(nameOf(item.title));
    const chart = make("div", "", { className: "chart", tabIndex: 0, role: "slider" });
    chart.dataset.kind = "history";
    const fact = factOf(view);
    for (const [name, value] of Object.entries({
      label: `${item.title}: ${fact}`, valuemin: 1, valuemax: commits, valuenow: commits,
      valuetext: fact,
    })) chart.setAttribute(`aria-${name}`, value);
    element.append(title, make("p", fact, { className: "fact" }));
    if (tracks.length > 1) {
      const key = make("ul", "", { className: "key" });
      tracks.forEach(({ version }, i) => {
        const entry = make("li", version);
        entry.style.setProperty("--of", `var(--${series[i % series.length]})`);
        key.append(entry);
      });
      element.append(key);
    }
    const details = make("details", "", { className: "data" });
    const summary = make("summary", "Table");
    summary.append(make("span", `: ${item.title}`, { className: "hidden" }));
    const scroll = make("div", "", { className: "scroll", role: "region", tabIndex: 0 });
    scroll.setAttribute("aria-label", `Table: ${item.title}`);
    details.append(summary, scroll);
    element.append(chart, details);
    const set = cursor(chart, view);
    charts.add(chart, () => {
      scroll.replaceChildren(tableOf(view));
      return signalsOf(view);
    });
    return { element, chart, set, title: item.title.toLowerCase() };
  }

  const place = document.getElementById("charts");
  const unchanged = document.getElementById("unchanged");
  const select = document.getElementById("figure");
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const everyCase = data.cases.map((item, number) => ({ item, number }));
  let drawn = [];
  let same = [];

  // The rank of a case: open steps first, then the latest change.
  function rank(tracks) {
    const levels = tracks.flatMap((track) => track.levels);
    const steps = levels.filter(({ status }) => status);
    return [steps.some(({ status }) => status === "open") ? 1 : 0, Math.max(...steps.map(({ begin }) => begin), 0)];
  }

  function show(index) {
    const shown = figure(index);
    for (const { chart } of drawn) charts.remove(chart);
    const all = everyCase
      .map(({ item, number }) => ({ item, number, tracks: tracksOf(item, shown) }))
      .filter(({ tracks }) => tracks.length);
    const changed = ({ tracks }) => tracks.some(({ levels }) => levels.length > 1 || levels[0].status);
    drawn = all.filter(changed)
      .map((each) => ({ ...each, rank: rank(each.tracks) }))
      .sort((a, b) => b.rank[0] - a.rank[0] || b.rank[1] - a.rank[1] || a.number - b.number)
      .map(({ item, number, tracks }) => article(item, number, shown, tracks));
    place.replaceChildren(...drawn.map(({ element }) => element));
    const rest = all.filter((each) => !changed(each));
    const table = make("table");
    table.append(make("caption", `Cases whose ${shown.name} has not changed`));
    const head = table.createTHead().insertRow();
    for (const title of ["case", shown.name, "recorded commits"]) {
      head.append(make("th", title, { scope: "col", className: title === "case" ? "text" : "" }));
    }
    const body = table.createTBody();
    same = rest.map(({ item, tracks }) => {
      const line = body.insertRow();
      const levels = tracks.flatMap((track) => track.levels);
      const recorded = levels.flatMap(({ stretches }) => stretches).reduce((sum, [a, b]) => sum + b - a + 1, 0);
      const values = [...new Set(levels.map(({ value }) => value))];
      line.append(make("th", item.title, { scope: "row" }));
      line.append(make("td", values.map(shown.text).join(", ")), make("td", grouped(recorded)));
      return { element: line, title: item.title.toLowerCase() };
    });
    unchanged.hidden = !rest.length;
    unchanged.open = !drawn.length;
    unchanged.querySelector("summary").textContent =
      `${plural(rest.length, "case")} whose ${shown.name} has not changed`;
    unchanged.querySelector(".scroll").replaceChildren(table);
    filter();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = [drawn, same].map((items) => items.filter((each) => {
      each.element.hidden = !words.every((word) => each.title.includes(word));
      return !each.element.hidden;
    }).length);
    count.textContent = `${plural(matching[0], "case")} changed, ${grouped(matching[1])} did not`;
  }

  select.addEventListener("change", () => show(select.selectedIndex));
  search.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  // A case of a step leads to its chart, at the figure and the commit of the step.
  document.getElementById("steps").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-figure]");
    if (!link) return;
    search.value = "";
    select.value = link.dataset.figure;
    show(select.selectedIndex);
    const target = drawn.find(({ element }) => `#${element.id}` === link.hash);
    if (!target) return;
    event.preventDefault();
    target.set(Number(link.dataset.at));
    target.element.scrollIntoView({ block: "center" });
    target.chart.focus({ preventScroll: true, focusVisible: true });
  });
  addEventListener("wheel", () => charts.tell([]), { passive: true });
  show(0);
})();
