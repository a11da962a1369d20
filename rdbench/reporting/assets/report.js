"use strict";
// The page's choices are in the fragment of its address; each section draws itself from them, and
// only when it comes into sight.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("choices");
  const $ = (selector, root = document) => root.querySelector(selector);
  const MEAN = "";

  // --- Choices -----------------------------------------------------------------------------------

  const firstMetric = (panel) => Object.keys(panel.views)[0] ?? "";
  const defaults = () => {
    const panel = data.panels[0];
    return { panel: panel.id, metric: firstMetric(panel), anchor: String(panel.anchor), image: MEAN,
      rate: "linear", published: "1", method: data.methods[0], test: "", filter: "", sort: "", all: "",
      picture: "", a: "", b: "", c: "", by: "bpp", value: "", mode: "slider", error: "" };
  };
  const state = defaults();

  const panel = () => data.panels.find((one) => one.id === state.panel) ?? data.panels[0];
  const view = () => panel().views[state.metric];
  const against = () => view()?.anchors?.[state.anchor];
  const metric = () => data.metrics[state.metric];
  const curve = (number) => panel().curves[number];
  const hidden = (number) => curve(number).published && !state.published;

  function readFragment() {
    Object.assign(state, defaults(), Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
    settle();
  }

  // What no longer fits the other choices gives way.
  function settle() {
    const here = panel();
    state.panel = here.id;
    if (!(state.metric in here.views)) state.metric = firstMetric(here);
    const anchors = Object.keys(view()?.anchors ?? {});
    if (!anchors.includes(state.anchor)) {
      const wanted = String(here.anchor);
      state.anchor = anchors.includes(wanted) ? wanted : (anchors[0] ?? "");
    }
    if (state.image && !here.images.includes(state.image)) state.image = MEAN;
    if (!data.methods.includes(state.method)) state.method = data.methods[0];
  }

  function writeFragment() {
    const plain = defaults();
    const told = Object.entries(state).filter(([key, value]) => value !== plain[key]);
    const text = new URLSearchParams(told).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function options(select, entries, chosen) {
    select.replaceChildren(...entries.map(([value, text]) => {
      const option = new Option(text, value);
      option.selected = value === chosen;
      return option;
    }));
  }

  function showChoices() {
    const here = panel();
    options(form.panel, data.panels.map((one) => [one.id, one.title]), state.panel);
    options(form.metric, Object.keys(here.views).map((name) => [name, data.metrics[name].label +
      (data.metrics[name].unit ? ` [${data.metrics[name].unit}]` : "")]), state.metric);
    options(form.anchor, Object.keys(view()?.anchors ?? {}).map((n) => [n, curve(n).title]), state.anchor);
    options(form.image, [[MEAN, "mean of images"], ...here.images.map((name) => [name, name])], state.image);
    form.rate.value = state.rate;
    form.published.checked = Boolean(state.published);
    form.published.closest("label").hidden = !here.curves.some((one) => one.published);
    options($("[name=method]"), data.methods.map((name) => [name, name]), state.method);
  }

  // --- Words -------------------------------------------------------------------------------------

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") made.className = value;
      else if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const notesOf = (texts) => texts.length
    ? [element("ul", { class: "notes" }, ...texts.map((text) => element("li", {}, text)))] : [];
  const signed = (value, digits = 2) => value === null ? "-" : (value > 0 ? "+" : "") + value.toFixed(digits);

  // --- Charts ------------------------------------------------------------------------------------

  const dark = () => {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };

  // On dark paper what is nearly black is drawn nearly white, and what is dark lighter.
  function shown(color) {
    if (!dark()) return color;
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    if (light >= 90) return color;
    const mix = light < 25 ? 0.85 : 0.4;
    return "#" + [r, g, b].map((part) => Math.round(part + mix * (255 - part)).toString(16).padStart(2, "0")).join("");
  }

  function config() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const text = { labelColor: color("--ink"), titleColor: color("--ink"), labelFontSize: 12, titleFontSize: 13, titleFontWeight: 500 };
    return {
      background: "transparent", font: "system-ui, sans-serif", view: { stroke: color("--line") },
      axis: { ...text, gridColor: color("--line"), gridOpacity: 0.7, domainColor: color("--soft"), tickColor: color("--soft") },
      legend: { ...text, symbolSize: 90, labelLimit: 260, rowPadding: 3 },
      text: { color: color("--ink") }, rule: { color: color("--soft") },
    };
  }

  const drawn = new Map();
  const root = document.documentElement;
  let drawing = 0;
  async function draw(place, spec, alternative) {
    root.dataset.drawing = drawing += 1;
    try {
      await drawChart(place, spec, alternative);
    } finally {
      drawing -= 1;
      if (drawing) root.dataset.drawing = drawing; else delete root.dataset.drawing;
    }
  }

  async function drawChart(place, spec, alternative) {
    const narrow = place.clientWidth < 620;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", alternative);
    const whole = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container",
      autosize: { type: "fit-x", contains: "padding" }, config: config(), ...spec };
    if (narrow) whole.config.legend = { ...whole.config.legend, orient: "bottom", columns: 2 };
    drawn.get(place)?.finalize();
    const name = document.title.replace(/[^\w.-]+/g, "-");
    drawn.set(place, await vegaEmbed(place, whole, { renderer: "svg", logLevel: 1, downloadFileName: name,
      actions: { export: true, source: false, compiled: false, editor: false } }));
    $("summary", place)?.setAttribute("aria-label", "Save the chart as a file");
  }

  function nothing(place, why) {
    drawn.get(place)?.finalize();
    drawn.delete(place);
    place.replaceChildren(element("p", { class: "how" }, why));
  }

  function scales(numbers) {
    const domain = numbers.map((number) => curve(number).title);
    const of = (key) => numbers.map((number) => curve(number)[key]);
    return {
      color: { field: "curve", type: "nominal", scale: { domain, range: of("color").map(shown) }, legend: { title: null } },
      shape: { field: "curve", type: "nominal", scale: { domain, range: of("shape") }, legend: { title: null } },
      strokeDash: { field: "curve", type: "nominal", scale: { domain, range: of("dash").map((dash) => dash.length ? dash : [1, 0]) }, legend: { title: null } },
    };
  }

  // Curves through points: `values` have curve (a title), x, y, order, and whether it is measured.
  function lines(values, numbers, x, y, more = []) {
    const look = scales(numbers);
    const encoding = { x, y, color: look.color, order: { field: "order" } };
    const faded = { condition: { param: "pick", value: 1 }, value: 0.15 };
    const hollow = { ...look.color, legend: null, condition: { test: "datum.published", value: "transparent" } };
    return {
      height: 380, data: { values: values.map((one) => ({ ...one, published: curveOf(one.curve).published })) },
      layer: [
        ...more,
        { mark: { type: "line", strokeWidth: 2 }, encoding: { ...encoding, strokeDash: look.strokeDash, opacity: faded },
          params: [{ name: "pick", select: { type: "point", fields: ["curve"] }, bind: "legend" },
            { name: "range", select: { type: "interval", zoom: "wheel![event.shiftKey]" }, bind: "scales" }] },
        { transform: [{ filter: "datum.mark" }], mark: { type: "point", size: 60, opacity: 1, strokeWidth: 1.5 },
          encoding: { x, y, color: look.color, fill: hollow, shape: look.shape, opacity: faded, tooltip: [
            { field: "curve" }, { field: "point" }, { field: "x", title: x.title, format: ".4~g" }, { field: "y", title: y.title, format: ".5~g" }] } },
      ],
    };
  }

  const quantitative = (field, title, scale = {}) => ({ field, type: "quantitative", title, scale: scale.type === "log" ? scale : { zero: false, ...scale } });

  function pointsShown() {
    const here = view();
    if (!state.image) {
      return here.lines.filter((line) => !hidden(line.curve)).map((line) => ({ ...line, points: curve(line.curve).points }));
    }
    return panel().curves.map((one, number) => {
      const row = one.images.indexOf(state.image);
      const scores = one.values[state.metric];
      if (row < 0 || !scores || hidden(number)) return null;
      return { curve: number, x: one.values.bpp[row], y: scores[row], points: one.points };
    }).filter(Boolean);
  }

  function drawCurves(section) {
    const here = view();
    const place = $(".chart", section);
    const caption = $("figcaption", section);
    if (!here || (here.problem && !state.image)) {
      $(".how", section).textContent = "";
      caption.replaceChildren();
      return nothing(place, here?.problem || "No curve has a metric: nothing was measured.");
    }
    const found = pointsShown();
    const values = found.flatMap((line) => line.x.map((x, order) => ({ curve: curve(line.curve).title, x, y: line.y[order], order, mark: true,
      point: `${curve(line.curve).parameter} ${line.points?.[order] ?? ""}` })).filter((one) => one.x !== null && one.y !== null));
    const of = state.image ? `the image ${state.image}` : here.subtitle;
    $(".how", section).textContent = `${panel().title}: ${of}. Click a name in the legend to single a curve out; shift and wheel zoom.`;
    const log = state.rate === "log";
    const measured = values.filter((one) => !curveOf(one.curve).published);
    const most = Math.max(...(measured.length ? measured : values).map((one) => one.x));
    const least = Math.min(...(measured.length ? measured : values).map((one) => one.x));
    const domain = log ? [least / 1.15, most * 1.15] : [0, most * 1.04];
    const x = quantitative("x", "Rate [bit/px]", { type: log ? "log" : "linear", domain, nice: false });
    const y = quantitative("y", metric().axis);
    const inside = values.filter((one) => one.x >= domain[0] && one.x <= domain[1]);
    caption.replaceChildren(...notesOf(state.image ? [] : here.notes));
    if (!inside.length) return nothing(place, "No point of the curves has a finite value.");
    draw(place, lines(inside, found.map((line) => line.curve), x, y),
      `${metric().axis} over rate in bit per pixel of ${found.length} curves, ${of}. The table below has what they differ by.`);
  }

  const curveOf = (title) => panel().curves.find((one) => one.title === title);

  function drawSaving(section) {
    const place = $(".chart", section);
    const found = against()?.saving;
    const shownLines = (found?.lines ?? []).filter((line) => !hidden(line.curve));
    $(".how", section).textContent = found ? "Percent of the anchor's rate at equal quality, mean of images; more is better." : "";
    $("figcaption", section).replaceChildren(...notesOf(found?.notes ?? []));
    if (!shownLines.length) return nothing(place, "No other curve shares a range of quality with the anchor.");
    const values = shownLines.flatMap((line) => {
      const marks = new Set(line.marks ?? line.x.keys());
      return line.x.map((x, order) => ({ curve: curve(line.curve).title, x, y: line.y[order], order, mark: marks.has(order), point: "" }));
    });
    const zero = { data: { values: [{ zero: 0 }] }, mark: { type: "rule", aria: false, strokeDash: [4, 3] }, encoding: { y: { datum: 0, type: "quantitative" } } };
    draw(place, lines(values, shownLines.map((line) => line.curve), quantitative("x", found.axis[0]), quantitative("y", found.axis[1]), [zero]),
      `Rate saved against ${curve(state.anchor).title} over ${metric().axis}.`);
  }

  // --- Tables ------------------------------------------------------------------------------------

  function tableOf(table) {
    const number = (place) => place >= table.text_columns;
    const head = element("tr", {}, ...table.header.map((text, place) => element("th", { scope: "col", class: number(place) ? "n" : "" }, text)));
    const rows = table.rows.map((cells) => element("tr", {}, ...cells.map((text, place) =>
      place === 0 ? element("th", { scope: "row" }, ...named(text)) : element("td", { class: number(place) ? "n" : "" }, text))));
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.title },
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function named(title) {
    const one = curveOf(title);
    if (!one) return [title];
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = shown(one.color);
    return [swatch, title];
  }

  const tablesShown = () => against()?.tables[state.method] ?? [];

  function drawDeltas(section) {
    const place = $(".table", section);
    const found = tablesShown();
    if (!found.length) return place.replaceChildren(element("p", { class: "how" }, "There is one curve; nothing to compare it with."));
    place.replaceChildren(...found.flatMap((table) => [element("p", { class: "how" }, table.title), tableOf(table), ...notesOf(table.notes)]));
  }

  // --- Images ------------------------------------------------------------------------------------

  function drawImages(section) {
    const place = $(".chart", section);
    const rows = (against()?.deltas ?? []).filter((row) => Object.keys(row.images).length && !hidden(row.curve));
    const choice = $("[name=test]", section);
    $("figcaption", section).replaceChildren();
    if (!rows.length) {
      $(".how", section).textContent = "";
      choice.replaceChildren();
      return nothing(place, "No curve has images in common with the anchor.");
    }
    const chosen = rows.find((row) => String(row.curve) === state.test) ?? rows[0];
    state.test = String(chosen.curve);
    options(choice, rows.map((row) => [String(row.curve), curve(row.curve).title]), state.test);
    const found = Object.entries(chosen.images).filter(([, value]) => value !== null).sort((one, other) => other[1] - one[1]);
    const gains = found.filter(([, value]) => value < 0).length;
    const title = curve(chosen.curve).title;
    $(".how", section).textContent = `BD-rate of ${title} against ${curve(state.anchor).title} in ${metric().label}, each image by itself, worst first: ` +
      `it saves rate on ${gains} of ${found.length}. Negative is better; click a bar for the image's curves.`;
    const without = Object.entries(chosen.images).filter(([, value]) => value === null).map(([name]) => name);
    $("figcaption", section).replaceChildren(...notesOf(without.length ? [`without a value of their own: ${without.join(", ")}`] : []));
    const values = found.map(([image, value]) => ({ image, value }));
    const x = { field: "value", type: "quantitative", title: "BD-rate [%]" };
    const y = { field: "image", type: "nominal", sort: null, title: null };
    draw(place, { height: Math.max(60, values.length * (values.length > 60 ? 9 : 18)), data: { values }, layer: [
      { mark: { type: "bar", cursor: "pointer" }, encoding: { x, y: values.length > 60 ? { ...y, axis: { labels: false, ticks: false } } : y, color: { value: shown(curve(chosen.curve).color) },
        tooltip: [{ field: "image" }, { field: "value", title: "BD-rate [%]", format: "+.2f" }] } },
      ...(chosen.value === null ? [] : [{ data: { values: [{ mean: chosen.value }] }, mark: { type: "rule", aria: false, strokeDash: [5, 3], strokeWidth: 2 },
        encoding: { x: { field: "mean", type: "quantitative" }, tooltip: { value: `mean curves ${signed(chosen.value)} %` } } }]),
    ] }, `BD-rates of ${title} image by image, worst first, from ${signed(found[0]?.[1] ?? null)} to ${signed(found.at(-1)?.[1] ?? null)} percent.`)
      .then(() => drawn.get(place)?.view.addEventListener("click", (event, item) => {
        if (item?.datum?.image) choose({ image: item.datum.image });
      }));
  }

  // --- Viewer ------------------------------------------------------------------------------------

  const ORIGINAL = "original";
  const stage = { zoom: 0, left: 0, top: 0, split: 0.5, turn: "a", panes: [] };
  const shownPicture = () => panel().pictures?.[state.picture];
  const sideName = (side) => state[side] === ORIGINAL ? "original" : curve(state[side])?.title;

  // The points of a curve that there is a picture of, with the value by which they are matched.
  function pointsOf(number) {
    const own = shownPicture().decoded[number] ?? {};
    const one = curve(number);
    const row = one.images.indexOf(state.picture);
    return one.points.map((point, place) => ({ point, place, value: one.values[state.by]?.[row]?.[place] ?? null, file: own[point] }))
      .filter((found) => found.file && found.value !== null);
  }

  function nearest(number) {
    const target = Number(state.value);
    const away = (value) => state.by === "bpp" ? Math.abs(Math.log(value / target)) : Math.abs(value - target);
    return pointsOf(number).sort((one, other) => away(one.value) - away(other.value))[0];
  }

  function settleViewer() {
    const pictures = panel().pictures ?? {};
    const names = Object.keys(pictures);
    if (!names.length) return false;
    if (!names.includes(state.picture)) state.picture = names.includes(state.image) ? state.image : names[0];
    const there = Object.keys(shownPicture().decoded);
    const fits = (side) => state[side] === ORIGINAL || there.includes(state[side]);
    if (!fits("a")) state.a = there.includes(state.anchor) ? state.anchor : (there[0] ?? ORIGINAL);
    if (!fits("b")) state.b = there.find((number) => number !== state.a) ?? ORIGINAL;
    if (state.c && !fits("c")) state.c = "";
    const scores = ["bpp", ...Object.keys(panel().views)];
    if (!scores.includes(state.by)) state.by = "bpp";
    if (state.value === "" || !Number.isFinite(Number(state.value)) || (state.by === "bpp" && Number(state.value) <= 0)) {
      const values = there.length ? pointsOf(there.includes(state.a) ? state.a : there[0]).map((one) => one.value) : [];
      state.value = values.length ? String(Number(values[Math.floor(values.length / 2)].toPrecision(3))) : "1";
    }
    if (!["slider", "flicker", "beside"].includes(state.mode)) state.mode = "slider";
    return true;
  }

  function drawViewer(section) {
    const place = $(".stage", section);
    if (!settleViewer()) return place.replaceChildren(element("p", {}, "There are no pictures of these images."));
    writeFragment();
    const there = Object.keys(shownPicture().decoded);
    const sides = [...there.map((number) => [number, curve(number).title]), [ORIGINAL, "original"]];
    options($("[name=picture]", section), Object.keys(panel().pictures).map((name) => [name, name]), state.picture);
    options($("[name=a]", section), sides, state.a);
    options($("[name=b]", section), sides, state.b);
    options($("[name=c]", section), [["", "none"], ...sides], state.c);
    options($("[name=by]", section), [["bpp", "rate [bit/px]"], ...Object.keys(panel().views).map((name) => [name, data.metrics[name].axis])], state.by);
    $("[name=value]", section).value = state.value;
    $("[name=mode]", section).value = state.mode;
    $("[name=error]", section).checked = Boolean(state.error);
    const chosen = ["a", "b", ...(state.c ? ["c"] : [])];
    build(place, chosen);
    const metrics = ["bpp", ...Object.keys(panel().views)];
    const rows = chosen.filter((side) => state[side] !== ORIGINAL).map((side) => {
      const one = curve(state[side]);
      const found = nearest(state[side]);
      const row = one.images.indexOf(state.picture);
      return [side.toUpperCase(), one.title, found ? `${one.parameter} ${found.point}` : "-",
        ...metrics.map((name) => { const value = found && one.values[name]?.[row]?.[found.place]; return value === null || value === undefined ? "-" : String(Number(value.toPrecision(5))); })];
    });
    $(".table", section).replaceChildren(tableOf({ title: "The numbers of what is shown", text_columns: 3,
      header: ["", "curve", "point", ...metrics.map((name) => name === "bpp" ? "rate [bit/px]" : data.metrics[name].axis)], rows }));
  }

  const fileOf = (side) => state[side] === ORIGINAL ? shownPicture().original : nearest(state[side])?.file[0];

  function layer(side) {
    const made = element("div", { class: "layer" + (state.error && state[side] !== ORIGINAL ? " error" : ""), "data-side": side });
    const file = fileOf(side);
    const picture = (source, text) => {
      const image = element("img", { src: encodeURI(source), alt: text, draggable: "false" });
      image.addEventListener("error", () => made.replaceChildren(element("p", { class: "name left" }, `${source} is missing`)));
      return image;
    };
    if (!file) return made;
    if (state.error && state[side] !== ORIGINAL) made.append(picture(shownPicture().original, ""));
    made.append(picture(file, `${state.picture}, ${sideName(side)}`));
    return made;
  }

  function build(place, chosen) {
    const before = stage.panes[0];
    const middle = before && stage.zoom ? [(before.clientWidth / 2 - stage.left) / stage.zoom, (before.clientHeight / 2 - stage.top) / stage.zoom] : null;
    const name = (side, where) => element("span", { class: `name ${where}` }, `${side.toUpperCase()}: ${sideName(side)}`);
    const pane = (...children) => element("div", { class: "pane" }, ...children);
    if (state.mode === "beside") {
      stage.panes = chosen.map((side) => pane(layer(side), name(side, "left")));
    } else if (state.mode === "flicker") {
      if (!chosen.includes(stage.turn)) stage.turn = "a";
      stage.panes = [pane(...chosen.map((side) => { const made = layer(side); made.hidden = side !== stage.turn; return made; }), name(stage.turn, "left"))];
    } else {
      const split = element("div", { class: "split", role: "slider", tabindex: "0", "aria-label": "Where A ends and B begins", "aria-valuemin": 0, "aria-valuemax": 100 });
      stage.panes = [pane(layer("b"), layer("a"), split, name("a", "left"), name("b", "right"))];
    }
    place.replaceChildren(...stage.panes);
    snap(place);
    if (!middle) return fit();
    const box = stage.panes[0];
    stage.left = box.clientWidth / 2 - stage.zoom * middle[0];
    stage.top = box.clientHeight / 2 - stage.zoom * middle[1];
    move();
  }

  // Panes begin and end at whole pixels of the page: between them pictures would be smoothed.
  function snap(place) {
    place.style.margin = "";
    const { left, top, width } = place.getBoundingClientRect();
    const short = (value) => Math.ceil(value) - value;
    place.style.margin = `${short(top + scrollY)}px 0 0 ${short(left + scrollX)}px`;
    const each = Math.floor((width - 1 - 2 * (stage.panes.length - 1)) / stage.panes.length);
    for (const one of stage.panes) one.style.flex = `0 0 ${each}px`;
  }

  function fit() {
    const [width, height] = shownPicture().size;
    const box = stage.panes[0];
    stage.zoom = Math.min(box.clientWidth / width, box.clientHeight / height) || 1;
    stage.left = (box.clientWidth - stage.zoom * width) / 2;
    stage.top = (box.clientHeight - stage.zoom * height) / 2;
    move();
  }

  function move() {
    for (const one of stage.panes) {
      const [left, top] = [Math.round(stage.left), Math.round(stage.top)];
      one.classList.toggle("pixels", stage.zoom >= 1.5);
      for (const image of one.querySelectorAll("img")) image.style.transform = `translate(${left}px,${top}px) scale(${stage.zoom})`;
      const split = $(".split", one);
      if (split) {
        split.style.left = `${100 * stage.split}%`;
        split.setAttribute("aria-valuenow", Math.round(100 * stage.split));
        $("[data-side=a]", one).style.clipPath = `inset(0 ${100 * (1 - stage.split)}% 0 0)`;
      }
    }
    const section = document.getElementById("viewer");
    $(".tools output", section).textContent = `${Math.round(100 * stage.zoom)} %`;
  }

  function zoom(factor, x, y) {
    const box = stage.panes[0];
    const [atX, atY] = [x ?? box.clientWidth / 2, y ?? box.clientHeight / 2];
    const next = Math.min(32, Math.max(0.05, stage.zoom * factor));
    stage.left = atX - (atX - stage.left) * (next / stage.zoom);
    stage.top = atY - (atY - stage.top) * (next / stage.zoom);
    stage.zoom = next;
    move();
  }

  // The blocks in which the errors of A and B are farthest apart, four by four of them.
  function worst() {
    const errors = ["a", "b"].map((side) => state[side] === ORIGINAL ? null : nearest(state[side])?.file[1]);
    if (!errors.some(Boolean)) return;
    const [width, height] = shownPicture().size;
    const columns = Math.ceil(width / 16), rows = Math.ceil(height / 16);
    const exact = errors.map((text) => text ? Array.from(atob(text), (c) => 10 ** (c.charCodeAt(0) / 50) - 1) : new Array(rows * columns).fill(0));
    const span = Math.min(4, columns, rows);
    let best = -1, place = [0, 0];
    for (let top = 0; top + span <= rows; top += 1) {
      for (let left = 0; left + span <= columns; left += 1) {
        let sum = 0;
        for (let y = 0; y < span; y += 1) for (let x = 0; x < span; x += 1) {
          const at = (top + y) * columns + left + x;
          const pixels = Math.min(16, width - 16 * (left + x)) * Math.min(16, height - 16 * (top + y));
          sum += pixels * (exact[0][at] - exact[1][at]);
        }
        if (Math.abs(sum) > best) { best = Math.abs(sum); place = [left, top]; }
      }
    }
    const box = stage.panes[0];
    const middle = place.map((block) => 16 * (block + span / 2));
    stage.zoom = Math.max(2, Math.floor(Math.min(box.clientWidth, box.clientHeight) / (16 * span + 96)));
    stage.left = box.clientWidth / 2 - stage.zoom * middle[0];
    stage.top = box.clientHeight / 2 - stage.zoom * middle[1];
    move();
  }

  function turnTo(side) {
    if (side === "c" && !state.c) return;
    stage.turn = side;
    if (state.mode === "flicker") drawViewer(document.getElementById("viewer"));
  }

  function startViewer(section) {
    const place = $(".stage", section);
    let held = null;
    place.addEventListener("pointerdown", (event) => {
      held = { split: event.target.classList.contains("split"), x: event.clientX, y: event.clientY };
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointermove", (event) => {
      if (!held) return;
      if (held.split) {
        const box = stage.panes[0].getBoundingClientRect();
        stage.split = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      } else {
        stage.left += event.clientX - held.x;
        stage.top += event.clientY - held.y;
        Object.assign(held, { x: event.clientX, y: event.clientY });
      }
      move();
    });
    for (const name of ["pointerup", "pointercancel"]) place.addEventListener(name, () => { held = null; });
    place.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = event.target.closest(".pane").getBoundingClientRect();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    const keys = {
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit,
      ArrowLeft: () => { stage.left += 40; move(); }, ArrowRight: () => { stage.left -= 40; move(); },
      ArrowUp: () => { stage.top += 40; move(); }, ArrowDown: () => { stage.top -= 40; move(); },
      1: () => turnTo("a"), 2: () => turnTo("b"), 3: () => turnTo("c"),
      f: () => turnTo(stage.turn === "a" ? "b" : "a"),
      ",": () => { stage.split = Math.max(0, stage.split - 0.05); move(); },
      ".": () => { stage.split = Math.min(1, stage.split + 0.05); move(); },
      e: () => choose({ error: state.error ? "" : "1" }),
    };
    place.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    section.addEventListener("click", (event) => {
      const how = event.target.dataset?.zoom;
      if (how === "fit") fit();
      else if (how === "1") zoom(1 / stage.zoom);
      else if (how === "worst") worst();
      else if (how) zoom(how === "+" ? 1.25 : 0.8);
    });
  }

  // --- Costs -------------------------------------------------------------------------------------

  function drawCosts(section) {
    const place = $(".charts", section);
    const found = against()?.costs;
    for (const child of place.children) drawn.get(child)?.finalize();
    $("figcaption", section).replaceChildren(...notesOf(found?.notes ?? []));
    $(".how", section).textContent = found ? "BD-rate over what a curve costs; ringed: no other costs less and saves more." : "";
    if (!found) return place.replaceChildren(element("p", { class: "how" }, "No cost is known of two curves."));
    place.replaceChildren(...found.panels.map(() => element("div", { class: "chart" })));
    found.panels.forEach((one, number) => {
      const spots = one.spots.filter((spot) => !hidden(spot.curve) && spot.cost > 0);
      const values = spots.map((spot) => ({ curve: curve(spot.curve).title, x: spot.cost, y: spot.value, optimal: spot.optimal }));
      const look = scales(spots.map((spot) => spot.curve));
      const x = quantitative("x", one.axis, { type: "log", nice: false, padding: 24 });
      const y = quantitative("y", "BD-rate [%]", { padding: 16 });
      const { legend, ...color } = look.color;
      draw(place.children[number], { height: 260, data: { values }, layer: [
        { transform: [{ filter: "datum.optimal" }], mark: { type: "point", size: 260, strokeWidth: 1.5, color: shown("#000000") }, encoding: { x, y } },
        { mark: { type: "point", filled: true, size: 90, opacity: 1 }, encoding: { x, y, color: { ...color, legend: null }, shape: { ...look.shape, legend: null },
          tooltip: [{ field: "curve" }, { field: "x", title: one.axis, format: ".3~g" }, { field: "y", title: "BD-rate [%]", format: "+.2f" }] } },
        { mark: { type: "text", dy: -13, fontSize: 11, limit: 150 }, encoding: { x, y, text: { field: "curve" } } },
      ] }, `BD-rate over ${one.axis}: ${values.map((v) => `${v.curve} ${signed(v.y)} %`).join(", ")}.`);
    });
  }

  // --- What failed -------------------------------------------------------------------------------

  function drawFailures(section) {
    const place = $(".body", section);
    const column = Object.fromEntries(data.measurements.columns.map((one) => [one.name, one]));
    const failed = [];
    for (let row = 0; row < data.measurements.rows; row += 1) if (cell(column.status, row) !== "ok") failed.push(row);
    const left = data.panels.flatMap((one) => one.curves.flatMap((each) => [
      ...Object.entries(each.left_out).map(([image, reason]) => [each.title, image, reason]),
      ...each.lost_points.map((point) => [each.title, `${each.parameter} ${point}`, "no image is ok at this point"])]));
    const said = data.panels.flatMap((one) => one.curves.flatMap((each) => each.caveats.map((text) => `${each.title}: ${text}`)));
    const parts = [];
    if (failed.length) {
      const names = ["dataset", "image", "label", "point", "status", "message"];
      parts.push(element("p", { class: "how" }, `${failed.length} of ${data.measurements.rows} measurements have no result:`),
        tableOf({ title: "Measurements that failed", header: names, text_columns: 6, rows: failed.slice(0, 500).map((row) => names.map((name) => cell(column[name], row))) }));
      if (failed.length > 500) parts.push(element("p", { class: "how" }, `and ${failed.length - 500} more: see the measurements below, "failed".`));
    }
    if (left.length) {
      parts.push(element("p", { class: "how" }, "Left out of mean curves:"),
        tableOf({ title: "Left out", header: ["curve", "what", "why"], text_columns: 3, rows: left.slice(0, 500) }));
    }
    parts.push(...notesOf([...said, ...data.without.map((text) => `without pictures: ${text}`)]));
    place.replaceChildren(...(parts.length ? parts : [element("p", { class: "how" }, "Nothing: all measurements are ok.")]));
  }

  // --- Measurements ------------------------------------------------------------------------------

  const USUAL = ["run", "dataset", "image", "label", "parameter", "point", "status", "message", "size_bytes", "bpp", "encode_s", "decode_s"];
  const ROW = 30.4;
  const cell = (column, row) => !column ? "" : column.there ? column.there[column.cells[row]] : column.cells[row];
  let order = null;

  function columnsShown() {
    const all = data.measurements.columns;
    return state.all ? all : all.filter((one) => USUAL.includes(one.name) || one.name in data.metrics);
  }

  function rowsShown() {
    const { rows, columns } = data.measurements;
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    // Of a column with few texts each is looked at once.
    const hits = words.map((word) => columns.map((one) => one.there?.map((text) => text.toLowerCase().includes(word))));
    const found = [];
    for (let row = 0; row < rows; row += 1) {
      if (words.every((word, nth) => columns.some((one, place) => one.there ? hits[nth][place][one.cells[row]] : one.cells[row].toLowerCase().includes(word)))) found.push(row);
    }
    const [name, falls] = state.sort.split(" ");
    const by = columns.find((one) => one.name === name);
    if (by) {
      const sign = falls ? -1 : 1;
      const key = (row) => by.kind === "number" ? (cell(by, row) === "" ? NaN : Number(cell(by, row))) : cell(by, row);
      const keys = new Map(found.map((row) => [row, key(row)]));
      found.sort((one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return sign * (a < b ? -1 : a > b ? 1 : 0) || one - other;
      });
    }
    return found;
  }

  function drawMeasurements(section) {
    order = rowsShown();
    $("[name=filter]", section).value = state.filter;
    $("[name=all]", section).checked = Boolean(state.all);
    $("output", section).textContent = `${order.length} of ${data.measurements.rows} rows`;
    const columns = columnsShown();
    const [sorted, falls] = state.sort.split(" ");
    const head = columns.map((one) => {
      const button = element("button", { type: "button" }, one.name + (one.name === sorted ? (falls ? " ▼" : " ▲") : ""));
      button.addEventListener("click", () => choose({ sort: one.name !== sorted ? one.name : falls ? "" : `${one.name} falling` }));
      const direction = one.name !== sorted ? "none" : falls ? "descending" : "ascending";
      return element("th", { scope: "col", class: one.kind === "number" ? "n" : "", "aria-sort": direction }, button);
    });
    const body = element("tbody");
    const table = element("table", { "aria-rowcount": order.length + 1 }, element("thead", {}, element("tr", {}, ...head)), body);
    const grid = $(".grid", section);
    const [top, left] = [grid.scrollTop, grid.scrollLeft];
    grid.replaceChildren(table);
    grid.onscroll = () => fill(grid, body, columns);
    fill(grid, body, columns);
    grid.scrollTo(left, top);
  }

  // Only the rows in sight are there, between two that stand for the others.
  function fill(grid, body, columns) {
    const count = Math.ceil(grid.clientHeight / ROW) + 20;
    const first = Math.max(0, Math.min(Math.floor(grid.scrollTop / ROW) - 10, order.length - count));
    const last = Math.min(order.length, first + count);
    if (body.dataset.first === String(first) && body.dataset.last === String(last)) return;
    Object.assign(body.dataset, { first, last });
    const space = (rows) => {
      const row = element("tr", { "aria-hidden": "true" }, element("td", { colspan: columns.length }));
      row.firstChild.style.cssText = `height:${rows * ROW}px;padding:0;border:0`;
      return row;
    };
    const status = data.measurements.columns.find((one) => one.name === "status");
    const rows = order.slice(first, last).map((row, place) => element("tr", { class: cell(status, row) === "ok" ? "" : "bad", "aria-rowindex": first + place + 2 },
      ...columns.map((one) => { const text = cell(one, row); return element("td", { class: one.kind === "number" ? "n" : "", title: text.length > 30 ? text : null }, short(one, text)); })));
    body.replaceChildren(...(first ? [space(first)] : []), ...rows, ...(last < order.length ? [space(order.length - last)] : []));
  }

  const short = (column, text) => column.kind === "number" && text.length > 9 && Number.isFinite(Number(text)) ? String(Number(Number(text).toPrecision(6))) : text;

  // --- Downloads ---------------------------------------------------------------------------------

  const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const csv = (rows) => rows.map((cells) => cells.map(quoted).join(",")).join("\n") + "\n";

  function download(name, text) {
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function downloaded(what) {
    if (what === "deltas") {
      return ["bd.csv", csv(tablesShown().flatMap((table) => [table.header, ...table.rows]))];
    }
    const columns = data.measurements.columns;
    const rows = what === "rows" ? rowsShown() : [...Array(data.measurements.rows).keys()];
    return ["measurements.csv", csv([columns.map((one) => one.name), ...rows.map((row) => columns.map((one) => cell(one, row)))])];
  }

  // --- All together ------------------------------------------------------------------------------

  const painters = { curves: drawCurves, ...(document.getElementById("viewer") ? { viewer: drawViewer } : {}), deltas: drawDeltas, saving: drawSaving, images: drawImages, costs: drawCosts, failures: drawFailures, measurements: drawMeasurements };
  const stale = new Set(Object.keys(painters));
  const inSight = new Set();

  function paint() {
    for (const name of inSight) {
      if (!stale.delete(name)) continue;
      const section = document.getElementById(name);
      painters[name](section);
      section.dataset.drawn = "yes";
    }
  }

  function refresh(names = Object.keys(painters)) {
    names.filter((name) => name in painters).forEach((name) => {
      stale.add(name);
      delete document.getElementById(name).dataset.drawn;
    });
    showChoices();
    writeFragment();
    paint();
  }

  const ASKED = { method: ["deltas"], test: ["images"], filter: ["measurements"], sort: ["measurements"], all: ["measurements"], rate: ["curves"], image: ["curves"],
    picture: ["viewer"], a: ["viewer"], b: ["viewer"], c: ["viewer"], by: ["viewer"], value: ["viewer"], mode: ["viewer"], error: ["viewer"] };

  function choose(changes) {
    Object.assign(state, changes);
    if ("by" in changes) state.value = "";
    if ("picture" in changes) stage.zoom = 0;
    settle();
    const keys = Object.keys(changes);
    refresh(keys.every((key) => key in ASKED) ? keys.flatMap((key) => ASKED[key]) : Object.keys(painters));
    if ("image" in changes && changes.image) document.getElementById("curves").scrollIntoView({ block: "start" });
  }

  document.addEventListener("change", (event) => {
    const { name, type, checked, value } = event.target;
    if (name in state && type !== "search") choose({ [name]: type === "checkbox" ? (checked ? "1" : "") : value });
  });
  document.addEventListener("input", (event) => {
    if (event.target.name === "filter") choose({ filter: event.target.value });
  });
  document.addEventListener("click", (event) => {
    const what = event.target.dataset?.csv;
    if (what) download(...downloaded(what));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    refresh();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh());
  addEventListener("hashchange", () => { if (!document.getElementById(location.hash.slice(1))) { readFragment(); refresh(); } });
  addEventListener("beforeprint", () => { Object.keys(painters).forEach((name) => inSight.add(name)); paint(); });

  readFragment();
  showChoices();
  if (document.getElementById("viewer")) startViewer(document.getElementById("viewer"));
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target.id);
    paint();
  }, { rootMargin: "300px" });
  Object.keys(painters).forEach((name) => watcher.observe(document.getElementById(name)));
})();
