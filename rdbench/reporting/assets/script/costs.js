// What curves cost against what they save.

function drawCosts(section) {
  const place = $(".charts", section);
  const found = against()?.costs;
  for (const child of place.children) drawn.get(child)?.finalize();
  $("figcaption", section).replaceChildren(...notesOf(found?.notes ?? []));
  $(".how", section).textContent = found ? `BD-rate over what a curve costs: ${found.subtitle}.` : "";
  const told = panel().costs;
  $(".table", section).replaceChildren(tableOf({ ...told, rows: told.rows.filter((_, number) => !hidden(number)) }),
    ...notesOf(found ? told.of_cells.filter((note) => !found.notes.includes(note)) : told.notes));
  drawEfforts($(".efforts", section), against()?.efforts, found?.notes ?? told.notes);
  if (!found) return place.replaceChildren(how("No cost is known of two curves that have a BD-rate."));
  place.replaceChildren(...found.panels.map(() => element("div", { class: "chart" })));
  found.panels.forEach((one, number) => {
    const spots = one.spots.filter((spot) => !hidden(spot.curve) && spot.cost > 0);
    const values = spots.map((spot) => ({ curve: curve(spot.curve).title, x: spot.cost, y: spot.value, optimal: spot.optimal }));
    const look = scales(spots.map((spot) => spot.curve));
    const x = quantitative("x", one.axis, { type: "log", nice: false, padding: 24 });
    const y = quantitative("y", "BD-rate [%]", { padding: 16 });
    const legend = { title: null, orient: "bottom", columns: place.clientWidth < 620 ? 2 : 3, labelLimit: place.clientWidth < 620 ? place.clientWidth / 2 - 50 : 150 };
    draw(place.children[number], { height: 260, data: { values }, layer: [
      { transform: [{ filter: "datum.optimal" }], mark: { type: "point", size: 260, strokeWidth: 1.5, color: shown("#000000") }, encoding: { x, y } },
      { mark: { type: "point", size: 90, opacity: 1 }, encoding: { x, y, stroke: { ...look.stroke, legend }, fill: { ...look.fill, legend }, shape: { ...look.shape, legend },
        tooltip: [{ field: "curve" }, { field: "x", title: one.axis, format: ".3~g" }, { field: "y", title: "BD-rate [%]", format: "+.2f" }] } },
    ] }, `BD-rate over ${one.axis}: ${values.map((v) => `${v.curve} ${signed(v.y)} %`).join(", ")}.`);
  });
}

// Each codec's efforts as a line, over the lowest at each time. Efforts that another one of the
// codec beats are hollow.
function drawEfforts(place, found, said) {
  place.hidden = !found;
  if (!found) return;
  $(".how", place).textContent = `BD-rate over encoding time: ${found.subtitle}.`;
  $("figcaption", place).replaceChildren(...notesOf(found.notes.filter((note) => !said.includes(note))));
  $(".tables", place).replaceChildren(...found.tables.map(tableOf));
  const spots = found.families.flatMap((one) => one.spots.map((spot) => ({ codec: one.title, ...spot })));
  const x = (field) => ({ ...quantitative(field, "Encoding time [s/image]", { type: "log", nice: false, padding: 24 }) });
  const y = (field) => quantitative(field, "BD-rate [%]", { padding: 16 });
  const domain = found.families.map((one) => one.title);
  const of = (range) => ({ field: "codec", type: "nominal", scale: { domain, range }, legend: { title: null } });
  const colors = found.families.map((one) => shown(one.color));
  const stroke = of(colors);
  const shape = of(found.families.map((one) => one.shape));
  const strokeDash = of(found.families.map((one) => one.dash.length ? one.dash : [1, 0]));
  draw($(".chart", place), { height: 320, layer: [
    { data: { values: found.envelope.map(([cost, delta]) => ({ cost, delta })) }, mark: { type: "line", aria: false, strokeWidth: 9, opacity: 0.25, color: shown("#808080") },
      encoding: { x: x("cost"), y: y("delta") } },
    { data: { values: spots.filter((spot) => spot.front) }, mark: { type: "line", strokeWidth: 2 }, encoding: { x: x("cost"), y: y("delta"), stroke, strokeDash } },
    { data: { values: spots }, mark: { type: "point", size: 70, opacity: 1 },
      encoding: { x: x("cost"), y: y("delta"), stroke, shape, fill: { condition: { test: "datum.front", ...stroke }, value: "transparent" },
        tooltip: [{ field: "curve" }, { field: "cost", title: "Encoding time [s/image]", format: ".3~g" }, { field: "delta", title: "BD-rate [%]", format: "+.2f" }] } },
    { data: { values: spots.filter((spot) => spot.value) }, mark: { type: "text", aria: false, dx: 6, dy: -7, align: "left", fontSize: 11 },
      encoding: { x: x("cost"), y: y("delta"), text: { field: "value" } } },
  ] }, `BD-rate over encoding time: ${spots.map((spot) => `${spot.curve} ${signed(spot.delta)} %`).join(", ")}.`);
}
