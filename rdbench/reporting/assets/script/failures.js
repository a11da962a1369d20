// What has no result, and what mean curves leave out: alike rows together.

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = JSON.stringify(row.key);
    const own = groups.get(key) ?? { key: row.key, rows: 0, images: new Set(), points: new Set() };
    own.rows += 1;
    if (row.image) own.images.add(row.image);
    if (row.point) own.points.add(row.point);
    groups.set(key, own);
  }
  return [...groups.values()];
}

const SHOWN = 200;

function drawFailures(section) {
  const place = $(".body", section);
  const column = Object.fromEntries(data.measurements.columns.map((one) => [one.name, one]));
  const text = (name, row) => cell(column[name], row);
  const failed = [];
  for (let row = 0; row < data.measurements.rows; row += 1) {
    if (text("status", row) !== "ok") {
      failed.push({ key: ["dataset", "label", "status", "message"].map((name) => text(name, row)), image: text("image", row), point: text("point", row) });
    }
  }
  const left = data.panels.flatMap((one) => one.curves.flatMap((each) => [
    ...Object.entries(each.left_out).map(([image, why]) => ({ key: [each.dataset, each.title, why], image })),
    ...each.lost_points.map((point) => ({ key: [each.dataset, each.title, `no image is ok at this ${each.parameter}`], point }))]));
  const said = data.panels.flatMap((one) => one.curves.flatMap((each) => each.caveats.map((caveat) => `${each.title}: ${caveat}`)));
  const parts = [];
  const table = (title, header, groups, cells) => {
    parts.push(how(title), tableOf({ title, header, text_columns: header.length, rows: groups.slice(0, SHOWN).map(cells) }));
    if (groups.length > SHOWN) parts.push(how(`and ${groups.length - SHOWN} more kinds; the measurements below have them all.`));
  };
  const see = (label, rows) => {
    const button = element("button", { type: "button", class: "small", title: "Show them among the measurements" }, rows);
    button.addEventListener("click", () => {
      choose({ filter: label });
      document.getElementById("measurements").scrollIntoView();
    });
    return button;
  };
  if (failed.length) {
    table(`${failed.length} of ${data.measurements.rows} measurements have no result:`, ["curve", "dataset", "status", "message", "images", "points", "rows"], grouped(failed),
      ({ key: [dataset, label, status, message], images, points, rows }) =>
        [label, dataset, status, message, listed([...images]), listed([...points]), see(`${label} ${status}`, `show ${rows}`)]);
  }
  if (left.length) {
    table("Left out of mean curves:", ["curve", "dataset", "why", "what"], grouped(left),
      ({ key: [dataset, title, why], images, points }) => [title, dataset, why, listed([...images, ...points])]);
  }
  parts.push(...notesOf([...new Set(said), ...data.without.map((why) => `without pictures: ${why}`)]));
  place.replaceChildren(...(parts.length ? parts : [how("Nothing: all measurements are ok.")]));
}
