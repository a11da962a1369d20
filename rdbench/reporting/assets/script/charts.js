// Charts of Vega-Lite in the page's colors.

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

// Text alone: the library's own would take a field that is called image for the address of one, and
// ask for it.
const formatTooltip = (value, text) => `<table>${Object.entries(Object(value))
  .map(([key, one]) => `<tr><td class="key">${text(key)}</td><td class="value">${text(one)}</td></tr>`).join("")}</table>`;

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
  if (narrow) whole.config.legend = { ...whole.config.legend, orient: "bottom", columns: 2, labelLimit: place.clientWidth / 2 - 50 };
  drawn.get(place)?.finalize();
  const name = document.title.replace(/[^\w.-]+/g, "-");
  drawn.set(place, await vegaEmbed(place, whole, { renderer: "svg", logLevel: 1, downloadFileName: name, tooltip: { formatTooltip },
    actions: { export: true, source: false, compiled: false, editor: false } }));
  $("summary", place)?.setAttribute("aria-label", "Save the chart as a file");
}

function nothing(place, why) {
  drawn.get(place)?.finalize();
  drawn.delete(place);
  place.replaceChildren(element("p", { class: "how" }, why));
}

// Marks of published curves are hollow, in the legend as well.
function scales(numbers) {
  const domain = numbers.map((number) => curve(number).title);
  const of = (key) => numbers.map((number) => curve(number)[key]);
  return {
    stroke: { field: "curve", type: "nominal", scale: { domain, range: of("color").map(shown) }, legend: { title: null } },
    fill: { field: "curve", type: "nominal", scale: { domain, range: numbers.map((number) => curve(number).published ? "transparent" : shown(curve(number).color)) },
      legend: { title: null } },
    shape: { field: "curve", type: "nominal", scale: { domain, range: of("shape") }, legend: { title: null } },
    strokeDash: { field: "curve", type: "nominal", scale: { domain, range: of("dash").map((dash) => dash.length ? dash : [1, 0]) }, legend: { title: null } },
  };
}

// Curves through points: `values` have curve (a title), x, y, order, and whether it is measured.
function lines(values, numbers, x, y, more = []) {
  const look = scales(numbers);
  const encoding = { x, y, stroke: look.stroke, order: { field: "order" } };
  const faded = { condition: { param: "pick", value: 1 }, value: 0.15 };
  // Without marks a layer would be a picture without a description.
  const points = { transform: [{ filter: "datum.mark" }], mark: { type: "point", opacity: 1 },
    encoding: { x, y, stroke: look.stroke, fill: look.fill, shape: look.shape, size: { condition: { test: "datum.published", value: 110 }, value: 60 }, opacity: faded, tooltip: [
      { field: "curve" }, { field: "point" }, { field: "x", title: x.title, format: ".4~g" }, { field: "y", title: y.title, format: ".5~g" }] } };
  return {
    height: 380, data: { values: values.map((one) => ({ ...one, published: curveOf(one.curve).published })) },
    layer: [
      ...more,
      { mark: { type: "line", strokeWidth: 2 }, encoding: { ...encoding, strokeDash: look.strokeDash, opacity: faded },
        params: [{ name: "pick", select: { type: "point", fields: ["curve"] }, bind: "legend" },
          { name: "range", select: { type: "interval", zoom: "wheel![event.shiftKey]" }, bind: "scales" }] },
      ...(values.some((one) => one.mark) ? [points] : []),
    ],
  };
}

const quantitative = (field, title, scale = {}) => ({ field, type: "quantitative", title, scale: scale.type === "log" ? scale : { zero: false, ...scale } });
