// Text and tables.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const notesOf = (texts) => texts.length
  ? [element("ul", { class: "notes" }, ...texts.map((text) => element("li", {}, text)))] : [];
const how = (text) => element("p", { class: "how" }, text);
const signed = (value, digits = 2) => value === null ? "-" : (value > 0 ? "+" : "") + value.toFixed(digits);
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const listed = (names, most = 6) => names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");

// Cells are texts or elements; the first `text_columns` of them are words, the others numbers.
function tableOf(table) {
  const number = (place) => place >= table.text_columns ? "n" : "";
  const head = element("tr", {}, ...table.header.map((text, place) => element("th", { scope: "col", class: number(place) }, text)));
  const rows = table.rows.map((cells) => element("tr", {}, ...cells.map((cell, place) =>
    place === 0 ? element("th", { scope: "row" }, ...named(cell)) : element("td", { class: number(place) }, cell))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.title },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function named(title) {
  const one = curveOf(title);
  if (!one) return [title];
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = shown(one.color);
  return [swatch, title];
}
