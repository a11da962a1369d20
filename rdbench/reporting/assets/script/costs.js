// What curves cost against what they save.

function drawCosts(section) {
  const place = $(".charts", section);
  const found = against()?.costs;
  for (const child of place.children) drawn.get(child)?.finalize();
  $("figcaption", section).replaceChildren(...notesOf(found?.notes ?? []));
  $(".how", section).textContent = found ? `BD-rate over what a curve costs: ${found.subtitle}.` : "";
  const told = panel().costs;
  $(".table", section).replaceChildren(tableOf({ ...told, rows: told.rows.filter((_, number) => !hidden(number)) }),
    ...notesOf(told.notes.filter((note) => !found?.notes.includes(note))));
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
