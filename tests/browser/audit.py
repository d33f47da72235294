"""What can be checked of accessibility by a program, on any page: names, ids, headings, contrast, reflow."""

_IN_PAGE = """() => {
  const found = [];
  const shown = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })
    && !e.closest("[aria-hidden=true], .visually-hidden") && e.getClientRects().length;
  const name = (e) => (e.getAttribute("aria-label") || e.getAttribute("title") || e.textContent
    || e.querySelector("img")?.alt || "").trim();
  const what = (e) => e.tagName.toLowerCase() + " " + (e.id || name(e).slice(0, 40));

  for (const e of document.querySelectorAll("a, button, summary"))
    if (shown(e) && !name(e)) found.push("no name: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, select"))
    if (shown(e) && !e.labels?.length && !e.getAttribute("aria-label")) found.push("no label: " + what(e));
  for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const id of (e.getAttribute("aria-describedby") + " " + e.getAttribute("aria-labelledby")).split(" "))
      if (id && id !== "null" && !document.getElementById(id)) found.push("points nowhere: " + id);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  let last = 0;
  for (const e of document.querySelectorAll("main h1, main h2, main h3, main h4")) {
    const level = Number(e.tagName[1]);
    if (level > last + 1) found.push("heading skips a level: " + what(e));
    last = level;
  }
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) found.push("scrolls sideways: " + width);
  for (const e of document.querySelectorAll("main a, main button, header a, header button, footer a")) {
    const box = e.getBoundingClientRect();
    const inline = getComputedStyle(e).display === "inline";
    if (shown(e) && !inline && (box.width < 24 || box.height < 24)) found.push("small target: " + what(e));
  }

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(e) || e.closest("[disabled], dialog:not([open])")) continue;
    const grounds = [];
    for (let at = e; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(e);
    const [ground, ink] = [light(paint(grounds)), light(paint([...grounds, style.color]))];
    const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push("contrast " + ratio.toFixed(2) + ": " + what(e));
  }
  return [...new Set(found)];
}"""


def faults(page):
    """Sentences, one a fault; empty where nothing was found."""
    return page.evaluate(_IN_PAGE)
