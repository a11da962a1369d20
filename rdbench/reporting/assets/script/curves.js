// Quality over rate, and rate saved over quality.

function pointsShown() {
  if (!state.image) {
    return (meanView()?.lines ?? []).filter((line) => !hidden(line.curve)).map((line) => ({ ...line, points: curve(line.curve).points }));
  }
  return panel().curves.map((one, number) => {
    const row = one.images.indexOf(state.image);
    const scores = one.values[state.metric];
    if (row < 0 || !scores || hidden(number)) return null;
    return { curve: number, x: one.values.bpp[row], y: scores[row], points: one.points };
  }).filter(Boolean);
}

// A point as people read it: its parameter, or what was asked for.
const pointText = (one, point) => one.asked ? `asked for ${point} ${one.asked}` : `${one.parameter} ${point}`;

function targetNotes(numbers) {
  const asked = numbers.map(curve).filter((one) => one.asked);
  return asked.map((one) => `${one.title}: its points are targets, ${listed(one.points, 9)} ${one.asked}; each image was coded at the setting ` +
    "that comes nearest to them, and what it reached is shown");
}

function drawCurves(section) {
  const here = meanView();
  const place = $(".chart", section);
  const caption = $("figcaption", section);
  caption.replaceChildren();
  if (!here || (here.problem && !state.image)) {
    $(".how", section).textContent = "";
    return nothing(place, here?.problem || "No curve has a metric: nothing was measured.");
  }
  const found = pointsShown();
  const values = found.flatMap((line) => line.x.map((x, order) => ({ curve: curve(line.curve).title, x, y: line.y[order], order, mark: true,
    point: line.points?.[order] === undefined ? "" : pointText(curve(line.curve), line.points[order]) })).filter((one) => one.x !== null && one.y !== null));
  const of = state.image ? `the image ${state.image}` : (state.of ? `images of ${state.of}: ` : "") + here.subtitle;
  $(".how", section).textContent = `${panel().title.replace(/, \d+ images?$/, "")}: ${of}. Click a name in the legend to single a curve out; shift and wheel zoom.`;
  const log = state.rate === "log";
  const measured = values.filter((one) => !curveOf(one.curve).published);
  const rates = (measured.length ? measured : values).map((one) => one.x);
  const [least, most] = [Math.min(...rates), Math.max(...rates)];
  const domain = log ? [least / 1.15, most * 1.15] : [0, most * 1.04];
  const x = quantitative("x", "Rate [bit/px]", { type: log ? "log" : "linear", domain, nice: false });
  const y = quantitative("y", metric().axis);
  const inside = values.filter((one) => one.x >= domain[0] && one.x <= domain[1]);
  caption.replaceChildren(...notesOf([...(state.image ? [] : here.notes), ...targetNotes(found.map((line) => line.curve))]));
  if (!inside.length) return nothing(place, "No point of the curves has a finite value.");
  draw(place, lines(inside, found.map((line) => line.curve), x, y),
    `${metric().axis} over rate in bit per pixel of ${counted(found.length, "curve")}, ${of}. The tables below have what they differ by.`);
}

function drawSaving(section) {
  const place = $(".chart", section);
  const found = against()?.saving;
  const shownLines = (found?.lines ?? []).filter((line) => !hidden(line.curve));
  $(".how", section).textContent = found ? `Percent of the anchor's rate at equal quality: ${found.subtitle}. More is better.` : "";
  $("figcaption", section).replaceChildren(...notesOf(found?.notes ?? []));
  if (!found && compared()?.tables[""]) {
    return nothing(place, `The ${compared().label} is of single images and has no mean curves; compare over all points to see savings.`);
  }
  if (!shownLines.length) return nothing(place, "No other curve shares a range of quality with the anchor.");
  const values = shownLines.flatMap((line) => {
    const marks = new Set(line.marks ?? line.x.keys());
    return line.x.map((x, order) => ({ curve: curve(line.curve).title, x, y: line.y[order], order, mark: marks.has(order), point: "" }));
  });
  const zero = { data: { values: [{ zero: 0 }] }, mark: { type: "rule", aria: false, strokeDash: [4, 3] }, encoding: { y: { datum: 0, type: "quantitative" } } };
  draw(place, lines(values, shownLines.map((line) => line.curve), quantitative("x", found.axis[0]), quantitative("y", found.axis[1]), [zero]),
    `Rate saved against ${curve(state.anchor).title} over ${metric().axis}.`);
}
