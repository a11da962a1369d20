// What the theme leaves without a name, or out of reach of the keyboard, and its buttons over code,
// each of which it calls a navigation.
const named = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, pre > code, .md-typeset__table")) {
    box.tabIndex = 0;
  }
  for (const buttons of document.querySelectorAll(".md-code__nav")) {
    buttons.setAttribute("role", "none");
  }
};
new MutationObserver(named).observe(document.body, { childList: true, subtree: true });
document.addEventListener("DOMContentLoaded", named);
named();
