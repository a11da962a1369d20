// What the theme leaves without a name, or out of reach of the keyboard.
const named = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, pre > code, .md-typeset__table")) {
    box.tabIndex = 0;
  }
};
document.addEventListener("DOMContentLoaded", named);
named();
