// Pictures: what codecs made of an image, matched, side by side and pixel by pixel.

const ORIGINAL = "original";
const stage = { zoom: 0, left: 0, top: 0, splits: [0.5], turn: "a", panes: [], chosen: [] };
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
  if (!errorKinds().some(([name]) => name === state.error)) state.error = "";
  return true;
}

// What the picture is of, with the setting that a target was reached by.
function pointOf(one, row, found) {
  const setting = one.asked ? one.values.setting?.[row]?.[found.place] : null;
  return pointText(one, found.point) + (setting === null || setting === undefined ? "" : `, by setting ${Number(setting.toPrecision(4))}`);
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
  options($("[name=error]", section), errorKinds(), state.error);
  const chosen = ["a", "b", ...(state.c ? ["c"] : [])];
  build(place, chosen);
  const metrics = ["bpp", ...Object.keys(panel().views)];
  const rows = chosen.filter((side) => state[side] !== ORIGINAL).map((side) => {
    const one = curve(state[side]);
    const found = nearest(state[side]);
    const row = one.images.indexOf(state.picture);
    return [side.toUpperCase(), one.title, found ? pointOf(one, row, found) : "-",
      ...metrics.map((name) => { const value = found && one.values[name]?.[row]?.[found.place]; return value === null || value === undefined ? "-" : String(Number(value.toPrecision(5))); })];
  });
  const top = shownPicture().tops?.[state.error];
  const legend = top === undefined ? [] : [element("p", { class: "how" }, `Map: ${data.maps[state.error].shows}; dark is 0, and bright ${top} or more.`)];
  $(".table", section).replaceChildren(...legend, tableOf({ title: "The numbers of what is shown", text_columns: 3,
    header: ["", "curve", "point", ...metrics.map((name) => name === "bpp" ? "rate [bit/px]" : data.metrics[name].axis)], rows }));
}

// What can be shown in place of a picture: its difference to the original, and maps of metrics.
function errorKinds() {
  const maps = new Set(Object.values(shownPicture()?.decoded ?? {}).flatMap((points) => Object.values(points).flatMap((own) => Object.keys(own[2] ?? {}))));
  return [["", "no"], ["difference", "difference, ×8"], ...[...maps].map((name) => [name, `map of ${data.maps[name].label}`])];
}

const fileOf = (side) => state[side] === ORIGINAL ? shownPicture().original : nearest(state[side])?.file[0];

function layer(side) {
  const made = element("div", { class: "layer", "data-side": side });
  const file = fileOf(side);
  const picture = (source, text) => {
    const image = element("img", { src: encodeURI(source), alt: text, draggable: "false" });
    image.addEventListener("error", () => made.replaceChildren(element("p", { class: "name left" }, `${source} is missing`)));
    return image;
  };
  if (!file) return made;
  const isDecoded = state[side] !== ORIGINAL;
  const map = isDecoded && nearest(state[side])?.file[2]?.[state.error];
  const difference = isDecoded && state.error === "difference";
  made.classList.toggle("error", difference);
  if (difference) made.append(picture(shownPicture().original, ""));
  made.append(picture(map || file, `${state.picture}, ${sideName(side)}${map ? `, ${data.maps[state.error].label}` : ""}`));
  return made;
}

// Zoom, the place of the image in the middle of a pane, and where the slider is, as a link has them.
function placeShown() {
  const box = stage.panes[0];
  const middle = [(box.clientWidth / 2 - stage.left) / stage.zoom, (box.clientHeight / 2 - stage.top) / stage.zoom];
  return [stage.zoom, ...middle, ...stage.splits].map((value) => Number(value.toFixed(3))).join(",");
}

let soon = 0;
function remember() {
  clearTimeout(soon);
  soon = setTimeout(() => {
    state.place = placeShown();
    writeFragment();
  }, 150);
}

function build(place, chosen) {
  const before = stage.panes[0];
  let middle = before && stage.zoom ? [(before.clientWidth / 2 - stage.left) / stage.zoom, (before.clientHeight / 2 - stage.top) / stage.zoom] : null;
  const even = chosen.slice(1).map((_, nth) => (nth + 1) / chosen.length);
  if (stage.splits.length !== even.length) stage.splits = even;
  const linked = state.place.split(",").map(Number);
  if (!middle && linked.length > 3 && linked.every(Number.isFinite) && linked[0] > 0) {
    stage.zoom = within(0.05, linked[0], 32);
    middle = linked.slice(1, 3);
    if (linked.length === 3 + even.length) stage.splits = linked.slice(3).map((split) => within(0, split, 1));
  }
  stage.chosen = chosen;
  const name = (side, where) => element("span", { class: `name ${where}` }, `${side.toUpperCase()}: ${sideName(side)}`);
  const pane = (...children) => element("div", { class: "pane" }, ...children);
  if (state.mode === "beside") {
    stage.panes = chosen.map((side) => pane(layer(side), name(side, "left")));
  } else if (state.mode === "flicker") {
    if (!chosen.includes(stage.turn)) stage.turn = "a";
    stage.panes = [pane(...chosen.map((side) => { const made = layer(side); made.hidden = side !== stage.turn; return made; }), name(stage.turn, "left"))];
  } else {
    const splits = stage.splits.map((_, nth) => element("div", { class: "split", role: "slider", tabindex: "0", "data-nth": nth,
      "aria-label": `Where ${chosen[nth].toUpperCase()} ends and ${chosen[nth + 1].toUpperCase()} begins`, "aria-valuemin": 0, "aria-valuemax": 100 }));
    const places = ["left", ...chosen.slice(2).map(() => "middle"), "right"];
    stage.panes = [pane(...chosen.map(layer).reverse(), ...splits, ...chosen.map((side, nth) => name(side, places[nth])))];
  }
  place.replaceChildren(...stage.panes);
  snap(place);
  if (!middle) return fit();
  const box = stage.panes[0];
  stage.left = box.clientWidth / 2 - stage.zoom * middle[0];
  stage.top = box.clientHeight / 2 - stage.zoom * middle[1];
  move();
}

const within = (low, value, high) => Math.min(high, Math.max(low, value));

function moveSplit(nth, value) {
  stage.splits[nth] = within(stage.splits[nth - 1] ?? 0, value, stage.splits[nth + 1] ?? 1);
  move();
  remember();
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
  state.place = "";
  move();
}

function move() {
  for (const one of stage.panes) {
    const [left, top] = [Math.round(stage.left), Math.round(stage.top)];
    one.classList.toggle("pixels", stage.zoom >= 1.5);
    for (const image of one.querySelectorAll("img")) image.style.transform = `translate(${left}px,${top}px) scale(${stage.zoom})`;
    one.querySelectorAll(".split").forEach((split, nth) => {
      split.style.left = `${100 * stage.splits[nth]}%`;
      split.setAttribute("aria-valuenow", Math.round(100 * stage.splits[nth]));
      $(`[data-side=${stage.chosen[nth]}]`, one).style.clipPath = `inset(0 ${100 * (1 - stage.splits[nth])}% 0 0)`;
    });
  }
  const section = document.getElementById("viewer");
  $(".tools output", section).textContent = `${Math.round(100 * stage.zoom)} %`;
}

function zoom(factor, x, y) {
  const box = stage.panes[0];
  const [atX, atY] = [x ?? box.clientWidth / 2, y ?? box.clientHeight / 2];
  const next = within(0.05, stage.zoom * factor, 32);
  stage.left = atX - (atX - stage.left) * (next / stage.zoom);
  stage.top = atY - (atY - stage.top) * (next / stage.zoom);
  stage.zoom = next;
  move();
  remember();
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
  remember();
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
    held = { split: event.target.dataset.nth, x: event.clientX, y: event.clientY };
    place.setPointerCapture(event.pointerId);
  });
  place.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (held.split !== undefined) {
      const box = stage.panes[0].getBoundingClientRect();
      moveSplit(Number(held.split), (event.clientX - box.left) / box.width);
    } else {
      stage.left += event.clientX - held.x;
      stage.top += event.clientY - held.y;
      Object.assign(held, { x: event.clientX, y: event.clientY });
      move();
      remember();
    }
  });
  for (const name of ["pointerup", "pointercancel"]) place.addEventListener(name, () => { held = null; });
  place.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = event.target.closest(".pane").getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  const pan = (x, y) => {
    stage.left += x;
    stage.top += y;
    move();
    remember();
  };
  const keys = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit,
    ArrowLeft: () => pan(40, 0), ArrowRight: () => pan(-40, 0), ArrowUp: () => pan(0, 40), ArrowDown: () => pan(0, -40),
    1: () => turnTo("a"), 2: () => turnTo("b"), 3: () => turnTo("c"),
    f: () => turnTo(stage.turn === "a" ? "b" : "a"),
    ",": () => moveSplit(0, stage.splits[0] - 0.05), ".": () => moveSplit(0, stage.splits[0] + 0.05),
    "<": () => moveSplit(stage.splits.length - 1, stage.splits.at(-1) - 0.05), ">": () => moveSplit(stage.splits.length - 1, stage.splits.at(-1) + 0.05),
    e: () => choose({ error: state.error ? "" : "difference" }),
  };
  place.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  section.addEventListener("click", (event) => {
    const how = event.target.dataset?.zoom;
    if (how === "fit") {
      fit();
      writeFragment();
    }
    else if (how === "1") zoom(1 / stage.zoom);
    else if (how === "worst") worst();
    else if (how) zoom(how === "+" ? 1.25 : 0.8);
  });
}
