// What the page knows and what is chosen. Choices are in the fragment of its address, and each
// section draws itself from them.

const $ = (selector, root = document) => root.querySelector(selector);

// The data are JSON, compressed: they are several times as long as the rest of the page.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

if (!("DecompressionStream" in window)) {
  $("#old").hidden = false;
  return;
}
const data = await unpacked($("#data").textContent);
const form = document.getElementById("choices");

const MEAN = "";
const firstMetric = (panel) => Object.keys(panel.views)[0] ?? "";
const defaults = () => {
  const first = data.panels[0];
  return { panel: first.id, metric: firstMetric(first), anchor: String(first.anchor), way: "", image: MEAN, of: "",
    rate: "linear", published: "1", method: "pchip", classes: "", test: "", filter: "", sort: "", all: "",
    picture: "", a: "", b: "", c: "", by: "bpp", value: "", mode: "slider", error: "", place: "", at: "" };
};
const state = defaults();

const panel = () => data.panels.find((one) => one.id === state.panel) ?? data.panels[0];
const view = () => panel().views[state.metric];
const meanView = () => state.of ? view()?.classes[state.of] : view();
const metric = () => data.metrics[state.metric];
const curve = (number) => panel().curves[number];
const curveOf = (title) => panel().curves.find((one) => one.title === title);
const hidden = (number) => curve(number).published && !state.published;

// How curves compare: by the way that is chosen, in one metric or all that a convention has.
const compared = (way = state.way) => panel().compared[way];
const against = (name = state.metric) => compared()?.drawn[name]?.[state.anchor];
const tablesOf = (way) => compared(way)?.tables[state.metric] ?? compared(way)?.tables[""];
const tableSets = () => tablesOf(state.way)?.[state.anchor] ?? {};

function readFragment() {
  Object.assign(state, defaults(), Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
  settle();
}

// What no longer fits the other choices gives way.
function settle() {
  const here = panel();
  state.panel = here.id;
  if (!(state.metric in here.views)) state.metric = firstMetric(here);
  if (!tablesOf(state.way)) state.way = "";
  const anchors = anchorsShown();
  if (!anchors.includes(state.anchor)) {
    const wanted = String(here.anchor);
    state.anchor = anchors.includes(wanted) ? wanted : (anchors[0] ?? "");
  }
  if (state.image && !here.images.includes(state.image)) state.image = MEAN;
  if (!(state.of in here.classes)) state.of = "";
  if (state.image) state.of = "";
  if (!["linear", "log"].includes(state.rate)) state.rate = "linear";
}

// Those that have the metric; of a convention all.
const anchorsShown = () => Object.keys(tablesOf(state.way) ?? {});

function fragment(changes = {}) {
  const plain = defaults();
  const told = Object.entries({ ...state, ...changes }).filter(([key, value]) => key in plain && value !== plain[key]);
  return new URLSearchParams(told).toString();
}

function writeFragment() {
  const text = fragment();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  for (const link of document.querySelectorAll("a[data-at]")) link.setAttribute("href", `#${fragment({ at: link.dataset.at })}`);
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => {
    const option = new Option(text, value);
    option.selected = value === chosen;
    return option;
  }));
}

// Images and classes are in one choice; what they begin with tells them apart.
function imageOptions() {
  const group = (label, entries) => {
    const made = element("optgroup", { label });
    options(made, entries, state.of ? `of:${state.of}` : `image:${state.image}`);
    return made;
  };
  const { classes, images } = panel();
  const named = Object.entries(classes).map(([name, own]) => [`of:${name}`, `${name}, ${counted(own.length, "image")}`]);
  return [new Option("mean of images", `image:${MEAN}`), ...(named.length ? [group("mean of a class", named)] : []),
    group("one image", images.map((name) => [`image:${name}`, name]))];
}

function showChoices() {
  const here = panel();
  options(form.panel, data.panels.map((one) => [one.id, one.title]), state.panel);
  options(form.metric, Object.keys(here.views).map((name) => [name, data.metrics[name].label +
    (data.metrics[name].unit ? ` [${data.metrics[name].unit}]` : "")]), state.metric);
  options(form.anchor, anchorsShown().map((number) => [number, curve(number).title]), state.anchor);
  options(form.way, Object.entries(here.compared).filter(([name]) => tablesOf(name))
    .map(([name, one]) => [name, one.label]), state.way);
  form.over.replaceChildren(...imageOptions());
  form.over.value = state.of ? `of:${state.of}` : `image:${state.image}`;
  form.rate.value = state.rate;
  form.published.checked = Boolean(state.published);
  form.published.closest("label").hidden = !here.curves.some((one) => one.published);
}
