// Nobody looks at a hidden tab: what refreshes itself there (data-live) asks for nothing.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.target.closest("[data-live]")) event.preventDefault();
});

// A refresh that fails leaves on the page what is there, and says that it is old.
const stale = (event, old) => {
  if (!event.target.closest("[data-live]")) return false;
  document.querySelector("[data-stale]").hidden = !old;
  return old;
};
document.addEventListener("htmx:before:response", (event) => {
  if (stale(event, event.detail.ctx.response.status >= 400)) event.preventDefault();
});
document.addEventListener("htmx:error", (event) => stale(event, true));
