// Everything together: sections are drawn when they come into sight, and again when a choice that
// they show is another.

const PAINTERS = { curves: drawCurves, glance: drawGlance, deltas: drawDeltas, saving: drawSaving, images: drawImages,
  ...(document.getElementById("viewer") ? { viewer: drawViewer } : {}), costs: drawCosts, failures: drawFailures, measurements: drawMeasurements };
const VIEWER = ["picture", "a", "b", "c", "by", "value", "mode", "error", "place"];
// The sections that a choice changes; others change all.
const CHANGED = { method: ["deltas"], classes: ["deltas"], test: ["images"], filter: ["measurements"], sort: ["measurements"], all: ["measurements"],
  rate: ["curves"], image: ["curves", "viewer"], of: ["curves"], at: [], ...Object.fromEntries(VIEWER.map((name) => [name, ["viewer"]])) };
const stale = new Set(Object.keys(PAINTERS));
const inSight = new Set();

function paint() {
  for (const name of inSight) {
    if (!stale.delete(name)) continue;
    const section = document.getElementById(name);
    PAINTERS[name](section);
    section.dataset.drawn = "yes";
  }
}

function refresh(names = Object.keys(PAINTERS)) {
  names.filter((name) => name in PAINTERS).forEach((name) => {
    stale.add(name);
    delete document.getElementById(name).dataset.drawn;
  });
  showChoices();
  writeFragment();
  paint();
}

function choose(changes) {
  Object.assign(state, changes);
  if ("by" in changes) state.value = "";
  // The viewer follows an image of which it has pictures.
  if (changes.image && changes.image in (panel().pictures ?? {})) state.picture = changes.image;
  if ("picture" in changes || "image" in changes) {
    stage.zoom = 0;
    state.place = "";
  }
  settle();
  const keys = Object.keys(changes);
  refresh(keys.every((key) => key in CHANGED) ? keys.flatMap((key) => CHANGED[key]) : Object.keys(PAINTERS));
}

function goTo(section) {
  document.getElementById(section)?.scrollIntoView({ block: "start" });
}

document.addEventListener("change", (event) => {
  const { name, type, checked, value } = event.target;
  if (name === "over") {
    const [kind, text] = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
    choose({ image: kind === "image" ? text : MEAN, of: kind === "of" ? text : "" });
  } else if (name in state && type !== "search") choose({ [name]: type === "checkbox" ? (checked ? "1" : "") : value });
});
document.addEventListener("input", (event) => {
  if (event.target.name === "filter") choose({ filter: event.target.value });
});
document.addEventListener("click", (event) => {
  const what = event.target.dataset?.csv;
  if (what) download(...downloaded(what));
  const link = event.target.closest?.("a[data-at]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    choose({ at: link.dataset.at });
    goTo(state.at);
  }
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  refresh();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh());
addEventListener("hashchange", () => {
  if (document.getElementById(location.hash.slice(1))) return;
  readFragment();
  stage.zoom = 0;
  refresh();
  goTo(state.at);
});
addEventListener("beforeprint", () => {
  Object.keys(PAINTERS).forEach((name) => inSight.add(name));
  paint();
});

readFragment();
showChoices();
writeFragment();
if (document.getElementById("viewer")) startViewer(document.getElementById("viewer"));
goTo(state.at);
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target.id);
  paint();
}, { rootMargin: "300px" });
Object.keys(PAINTERS).forEach((name) => watcher.observe(document.getElementById(name)));
