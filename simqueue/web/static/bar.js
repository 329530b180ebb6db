/* Moves the dashboard to another event. Without it, the bar's links and its number field still do. */
(() => {
  "use strict";
  const bar = document.getElementById("simqueue-bar");
  if (!bar) return;
  const number = bar.querySelector("input[name=number]");
  const slider = bar.querySelector(".sq-slider");
  const sentence = bar.querySelector(".sq-said");
  const time = bar.querySelector(".sq-time");
  const note = bar.querySelector(".sq-note");
  const here = Number(bar.dataset.number);
  const last = Number(bar.dataset.last);

  // A filter changes a part of its page only, not the page's address: what it says is carried on.
  const rest = () => {
    const filter = document.querySelector("main form.toolbar[hx-get]");
    if (!filter) return bar.dataset.rest;
    const chosen = [...new FormData(filter)].filter(([, value]) => value);
    return bar.dataset.page + (chosen.length ? "?" + new URLSearchParams(chosen) : "");
  };
  const go = (to) => {
    const wanted = Math.min(Math.max(Math.trunc(to), 0), last);
    if (Number.isFinite(wanted) && wanted !== here) location.assign(`/at/${wanted}${rest()}`);
  };
  const follow = (link) => {
    const match = link && /^\/at\/(\d+)\//.exec(link.getAttribute("href"));
    if (match) go(Number(match[1]));
  };
  const say = (text) => {
    note.textContent = text;
    note.hidden = false;
  };

  bar.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link);
  });
  bar.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    go(number.valueAsNumber);
  });

  // While the slider moves, the event under it is described; releasing it goes there.
  let asked = here;
  const preview = async (at) => {
    asked = at;
    number.value = at;
    slider.setAttribute("aria-valuetext", `event ${at}`);
    const response = await fetch(`/event/${at}`);
    if (!response.ok || asked !== at) return;
    const event = await response.json();
    if (asked !== at) return;
    time.textContent = event.moment;
    time.title = event.date;
    sentence.textContent = event.text;
    sentence.classList.toggle("sq-preview", at !== here);
    slider.setAttribute("aria-valuetext", `event ${at}: ${event.text}`);
  };
  slider.addEventListener("input", () => preview(slider.valueAsNumber).catch(() => {}));
  slider.addEventListener("change", () => go(slider.valueAsNumber));

  // Each link says by which key it is followed, in the words of its title.
  const arrows = { ArrowLeft: "←", ArrowRight: "→" };
  const linkOf = (event) => {
    const key = (event.shiftKey ? "Shift+" : "") + (arrows[event.key] || event.key);
    return [...bar.querySelectorAll("a[data-key]")].find((link) => link.dataset.key === key);
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.key === "g") {
      event.preventDefault();
      number.select();
      return;
    }
    const link = linkOf(event);
    if (!link) return;
    event.preventDefault();
    follow(link);
  });

  // What would change something is stopped before it asks whether one is sure.
  const refusal = "This is the past: nothing is cancelled or requeued here.";
  document.addEventListener("htmx:confirm", (event) => {
    if (event.detail.verb === "get") return;
    event.preventDefault();
    say(refusal);
  });
})();
