// Curves against the anchor: in all metrics at once, and the tables of `rdbench bd`.

function drawGlance(section) {
  const place = $(".table", section);
  const metrics = Object.keys(panel().views).filter((name) => compared()?.drawn[name]?.[state.anchor]);
  const rows = new Map();
  for (const name of metrics) {
    for (const row of against(name).deltas) rows.set(row.curve, { ...rows.get(row.curve), [name]: row });
  }
  if (!rows.size) {
    $(".how", section).textContent = "";
    return place.replaceChildren(how("There is nothing to compare with the anchor."));
  }
  const value = (row, name) => row[name]?.value ?? Infinity;
  const sorted = [...rows].sort(([, one], [, other]) => value(one, state.metric) - value(other, state.metric) || 0);
  const best = Object.fromEntries(metrics.map((name) => [name, Math.min(...[...rows.values()].map((row) => value(row, name)))]));
  const cell = (row, name) => {
    const own = row[name];
    if (!own) return "-";
    const text = own.doubt ? `(${own.text})` : own.text;
    return element(own.value !== null && own.value === best[name] ? "strong" : "span", { title: own.reason || null }, text);
  };
  const heads = metrics.map((name) => {
    const button = element("button", { type: "button", "aria-pressed": String(name === state.metric) }, data.metrics[name].label);
    button.addEventListener("click", () => choose({ metric: name }));
    return button;
  });
  const costs = (number) => panel().costs.rows[number].slice(1, 3);
  $(".how", section).textContent = `BD-rate [%] against ${curve(state.anchor).title} in each metric (${compared().label}), negative where rate is saved; ` +
    `the best of each metric is bold, those that the images do not tell from the anchor are in parentheses. Times are means over points and images.`;
  place.replaceChildren(tableOf({ title: "BD-rates in all metrics", text_columns: 1,
    header: ["curve", ...heads, "encode [ms]", "decode [ms]"],
    rows: [[curve(state.anchor).title, ...metrics.map(() => "anchor"), ...costs(state.anchor)],
      ...sorted.map(([number, row]) => [curve(number).title, ...metrics.map((name) => cell(row, name)), ...costs(number)])] }));
}

function tablesShown() {
  const sets = tableSets();
  if (!(state.method in sets)) state.method = Object.keys(sets)[0] ?? "";
  return sets[state.classes ? `${state.method} classes` : state.method] ?? sets[state.method] ?? [];
}

function drawDeltas(section) {
  const place = $(".table", section);
  const found = tablesShown();
  const methods = Object.keys(tableSets()).filter((name) => !name.endsWith(" classes"));
  options($("[name=method]", section), methods.map((name) => [name, name === "all" ? "all, side by side" : name]), state.method);
  const classes = $("[name=classes]", section);
  classes.checked = Boolean(state.classes);
  classes.closest("label").hidden = !(`${state.method} classes` in tableSets());
  if (!found.length) return place.replaceChildren(how("There is one curve; nothing to compare it with."));
  place.replaceChildren(...found.flatMap((table) => [how(table.title), tableOf(table), ...notesOf(table.notes)]));
}
