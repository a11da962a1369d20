// All measurements, sorted and filtered; only the rows in sight are in the page.

const USUAL = ["run", "dataset", "image", "label", "parameter", "point", "setting", "status", "message", "size_bytes", "bpp", "encode_s", "decode_s"];
const ROW = 30; // px
const SAMPLES = 400; // rows by which the widths of columns are found
const cell = (column, row) => !column ? "" : column.there ? column.there[column.cells[row]] : column.cells[row];
const short = (column, text) => column.kind === "number" && text.length > 9 && Number.isFinite(Number(text)) ? String(Number(Number(text).toPrecision(6))) : text;
const grid = { order: [], columns: [], body: null, first: -1 };

function columnsShown() {
  const all = data.measurements.columns;
  return state.all ? all : all.filter((one) => USUAL.includes(one.name) || one.name in data.metrics);
}

function rowsShown() {
  const { rows, columns } = data.measurements;
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  // Of a column with few texts each is looked at once.
  const hits = words.map((word) => columns.map((one) => one.there?.map((text) => text.toLowerCase().includes(word))));
  const found = [];
  for (let row = 0; row < rows; row += 1) {
    if (words.every((word, nth) => columns.some((one, place) => one.there ? hits[nth][place][one.cells[row]] : one.cells[row].toLowerCase().includes(word)))) found.push(row);
  }
  const [name, falls] = state.sort.split(" ");
  const by = columns.find((one) => one.name === name);
  if (by) {
    const sign = falls ? -1 : 1;
    const key = (row) => by.kind === "number" ? (cell(by, row) === "" ? NaN : Number(cell(by, row).replace("inf", "Infinity"))) : cell(by, row);
    const keys = new Map(found.map((row) => [row, key(row)]));
    found.sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return sign * (a < b ? -1 : a > b ? 1 : 0) || one - other;
    });
  }
  return found;
}

// In signs, of a sample of the rows.
function widthOf(column, order) {
  const step = Math.max(1, Math.floor(order.length / SAMPLES));
  let most = column.name.length + 2;
  for (let place = 0; place < order.length; place += step) most = Math.max(most, short(column, cell(column, order[place])).length);
  return Math.min(most, 34);
}

function drawMeasurements(section) {
  const order = rowsShown();
  const columns = columnsShown();
  $("[name=filter]", section).value = state.filter;
  $("[name=all]", section).checked = Boolean(state.all);
  $("output", section).textContent = `${order.length} of ${data.measurements.rows} rows`;
  const [sorted, falls] = state.sort.split(" ");
  const head = columns.map((one) => {
    const button = element("button", { type: "button" }, one.name + (one.name === sorted ? (falls ? " ▼" : " ▲") : ""));
    button.addEventListener("click", () => choose({ sort: one.name !== sorted ? one.name : falls ? "" : `${one.name} falling` }));
    const direction = one.name !== sorted ? "none" : falls ? "descending" : "ascending";
    return element("th", { scope: "col", class: one.kind === "number" ? "n" : "", "aria-sort": direction }, button);
  });
  const widths = columns.map((one) => widthOf(one, order));
  const total = widths.reduce((sum, width) => sum + width, 0);
  const table = element("table", { "aria-rowcount": order.length + 1, style: `width:max(100%, calc(${total}ch + ${1.3 * columns.length}rem))` },
    element("colgroup", {}, ...widths.map((width) => element("col", { style: `width:calc(${width}ch + 1.3rem)` }))),
    element("thead", {}, element("tr", {}, ...head)), element("tbody"));
  const place = $(".grid", section);
  const [top, left] = [place.scrollTop, place.scrollLeft];
  Object.assign(grid, { order, columns, body: $("tbody", table), first: -1 });
  place.replaceChildren(table);
  prepareRows(place);
  place.onscroll = () => fillRows(place);
  place.scrollTo(left, top);
  fillRows(place);
}

// As many rows as are in sight, and some, between two that stand for the others: when the table
// scrolls, their texts are changed.
function prepareRows(place) {
  const count = Math.min(grid.order.length, Math.ceil(place.clientHeight / ROW) + 8);
  const space = () => element("tr", { "aria-hidden": "true", class: "space" }, element("td", { colspan: grid.columns.length }));
  const rows = Array.from({ length: count }, () => {
    const cells = grid.columns.map((one) => element("td", one.kind === "number" ? { class: "n" } : {}, ""));
    return element("tr", {}, ...cells);
  });
  grid.rows = rows.map((row) => ({ row, texts: [...row.children].map((own) => own.firstChild ?? own.appendChild(document.createTextNode(""))) }));
  grid.spaces = [space(), space()];
  grid.body.replaceChildren(grid.spaces[0], ...rows, grid.spaces[1]);
}

function fillRows(place) {
  const { order, columns, rows } = grid;
  const first = Math.max(0, Math.min(Math.floor(place.scrollTop / ROW) - 4, order.length - rows.length));
  if (first === grid.first) return;
  grid.first = first;
  const status = data.measurements.columns.find((one) => one.name === "status");
  grid.spaces[0].firstChild.style.height = `${first * ROW}px`;
  grid.spaces[1].firstChild.style.height = `${(order.length - first - rows.length) * ROW}px`;
  rows.forEach(({ row, texts }, place) => {
    const at = order[first + place];
    row.className = cell(status, at) === "ok" ? "" : "bad";
    row.setAttribute("aria-rowindex", first + place + 2);
    columns.forEach((one, nth) => {
      const text = cell(one, at);
      const shown = short(one, text);
      if (texts[nth].data !== shown) texts[nth].data = shown;
      const cut = text.length > 34 || shown !== text;
      const own = texts[nth].parentNode;
      if (cut) own.title = text;
      else if (own.title) own.removeAttribute("title");
    });
  });
}

// --- Downloads -----------------------------------------------------------------------------------

const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const csv = (rows) => rows.map((cells) => cells.map(quoted).join(",")).join("\n") + "\n";
// Text that a spreadsheet would run as a formula has an apostrophe before it, as in the files of a
// run; those of measurements are data of record and stay as they are.
const harmless = (text) => (/^'*[=+@＝＋－＠-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
const sheet = (rows) => csv(rows.map((cells) => cells.map(harmless)));

function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function downloaded(what) {
  if (what === "deltas") return ["deltas.csv", sheet(tablesShown().flatMap((table) => [table.header, ...table.rows]))];
  if (what === "means") return ["summary.csv", sheet(data.summary)];
  const columns = data.measurements.columns;
  const rows = what === "rows" ? rowsShown() : [...Array(data.measurements.rows).keys()];
  return ["measurements.csv", csv([columns.map((one) => one.name), ...rows.map((row) => columns.map((one) => cell(one, row)))])];
}
