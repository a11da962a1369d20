// What single images say: all curves as distributions, and one of them image by image.

const SINGLE = 200; // up to so many images each has a mark
const WORST = 40, BEST = 20; // of more bars than both only these are drawn

const noBdRate = { field: "value", type: "quantitative", title: "BD-rate [%]" };

function drawDistributions(place, rows) {
  const order = [...rows].sort((one, other) => (one.percentiles[1] ?? 0) - (other.percentiles[1] ?? 0));
  const y = { field: "curve", type: "nominal", sort: order.map((row) => curve(row.curve).title), title: null, axis: { labelLimit: place.clientWidth < 620 ? 110 : 260 } };
  const color = { ...scales(order.map((row) => row.curve)).stroke, legend: null };
  const spans = order.filter((row) => row.percentiles[0] !== null).map((row) => ({ curve: curve(row.curve).title, low: row.percentiles[0],
    value: row.percentiles[1], high: row.percentiles[2] }));
  const single = order.flatMap((row) => Object.keys(row.images).length > SINGLE ? [] : Object.entries(row.images)
    .filter(([, value]) => value !== null).map(([image, value]) => ({ curve: curve(row.curve).title, image, value, number: row.curve })));
  const told = [["10th", "low"], ["50th", "value"], ["90th", "high"]].map(([nth, field]) => ({ field, title: `${nth} percentile [%]`, format: "+.2f" }));
  return draw(place, { height: 30 * order.length, layer: [
    // A layer without marks would be a picture without a description.
    ...(spans.length ? [{ data: { values: spans }, mark: { type: "bar", height: 12, opacity: 0.28 }, encoding: { y, x: { ...noBdRate, field: "low" }, x2: { field: "high" }, color, tooltip: [{ field: "curve" }, ...told] } },
    { data: { values: spans }, mark: { type: "tick", thickness: 3, size: 20 }, encoding: { y, x: noBdRate, color, tooltip: [{ field: "curve" }, ...told] } }] : []),
    ...(single.length ? [{ data: { values: single }, mark: { type: "point", filled: true, size: 32, opacity: 0.75, cursor: "pointer" }, encoding: { y, x: noBdRate, color,
      tooltip: [{ field: "curve" }, { field: "image" }, { field: "value", title: "BD-rate [%]", format: "+.2f" }] } }] : []),
    { data: { values: [{}] }, mark: { type: "rule", aria: false, strokeDash: [4, 3] }, encoding: { x: { datum: 0, type: "quantitative" } } },
  ] }, `BD-rates of single images of ${counted(order.length, "curve")}: ${spans.map((row) => `${row.curve} from ${signed(row.low)} to ${signed(row.high)} percent, median ${signed(row.value)}`).join("; ")}.`);
}

function drawImages(section) {
  const [all, one] = section.querySelectorAll(".chart");
  const rows = (against()?.deltas ?? []).filter((row) => Object.keys(row.images).length && !hidden(row.curve));
  const choice = $("[name=test]", section);
  const texts = section.querySelectorAll(".how");
  $("figcaption", section).replaceChildren();
  if (!rows.length) {
    for (const text of texts) text.textContent = "";
    choice.replaceChildren();
    nothing(all, "");
    return nothing(one, against() ? "No curve has images in common with the anchor."
      : `The ${compared()?.label ?? "comparison"} is not of ${metric()?.label ?? "a metric"}; choose another metric.`);
  }
  texts[0].textContent = "BD-rates of single images, negative where rate is saved: a point for each image, bars from the 10th to the 90th percentile with the median.";
  const chosen = rows.find((row) => String(row.curve) === state.test) ?? rows[0];
  state.test = String(chosen.curve);
  options(choice, rows.map((row) => [String(row.curve), curve(row.curve).title]), state.test);
  const found = Object.entries(chosen.images).filter(([, value]) => value !== null).sort((one, other) => other[1] - one[1]);
  const gains = found.filter(([, value]) => value < 0).length;
  const title = curve(chosen.curve).title;
  texts[1].textContent = `${title} against ${curve(state.anchor).title} in ${metric().label}, worst first: ` +
    `it saves rate on ${gains} of ${counted(found.length, "image")}. Click a bar for the image's curves.`;
  const without = Object.entries(chosen.images).filter(([, value]) => value === null).map(([name]) => name);
  const few = found.length > WORST + BEST ? [...found.slice(0, WORST), ...found.slice(-BEST)] : found;
  $("figcaption", section).replaceChildren(...notesOf([
    ...(few.length < found.length ? [`the ${WORST} worst and the ${BEST} best of ${found.length} images`] : []),
    ...(without.length ? [`without a value of their own: ${listed(without, 12)}`] : [])]));
  const values = few.map(([image, value]) => ({ image, value }));
  const y = { field: "image", type: "nominal", sort: null, title: null, axis: { labelLimit: one.clientWidth < 620 ? 110 : 260 } };
  const pick = (event, item) => {
    const { image, number } = item?.datum ?? {};
    if (!image) return;
    choose({ image, ...(number === undefined ? {} : { test: String(number) }) });
    goTo("curves");
  };
  drawDistributions(all, rows).then(() => drawn.get(all)?.view.addEventListener("click", pick));
  draw(one, { height: 18 * values.length + 4, data: { values }, layer: [
    { mark: { type: "bar", cursor: "pointer" }, encoding: { x: noBdRate, y, color: { value: shown(curve(chosen.curve).color) },
      tooltip: [{ field: "image" }, { field: "value", title: "BD-rate [%]", format: "+.2f" }] } },
    ...(chosen.value === null ? [] : [{ data: { values: [{ mean: chosen.value }] }, mark: { type: "rule", aria: false, strokeDash: [5, 3], strokeWidth: 2 },
      encoding: { x: { field: "mean", type: "quantitative" }, tooltip: { value: `of all images ${signed(chosen.value)} %` } } }]),
  ] }, `BD-rates of ${title} image by image, worst first, from ${signed(found[0]?.[1] ?? null)} to ${signed(found.at(-1)?.[1] ?? null)} percent.`)
    .then(() => drawn.get(one)?.view.addEventListener("click", pick));
}
