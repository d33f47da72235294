// The page as it stands: what is said on it, and which card is in its place.
const KEPT_REFUSALS = 20;
// Characters that cannot be seen or that turn the direction of a sentence have no place in one of ours.
const UNSEEN = /[\u0000-\u001f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export const stage = () => document.getElementById("stage");
export const token = () => document.querySelector("input[name=csrf_token]")?.value ?? "";
export const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

export function say(words) {
  const region = document.getElementById("say");
  if (region && words) region.textContent = words.replace(UNSEEN, "");
}

// The line under the buttons; its place is kept, so nothing moves.
export function tell(sentence, { aloud = true } = {}) {
  const line = document.getElementById("undo");
  if (!line || !sentence) return;
  const notice = line.querySelector("#notice") ?? line.insertBefore(document.createElement("p"), line.firstChild);
  notice.id = "notice";
  notice.textContent = sentence.replace(UNSEEN, "");
  if (aloud) say(sentence);
}

// What was not saved stays in sight until it is put away: the next decision must not hide it.
export function refuse(sentence) {
  const box = document.getElementById("refused");
  if (!box) return;
  const note = document.createElement("div");
  const words = document.createElement("p");
  const close = document.createElement("button");
  note.className = "alert rd-warn";
  words.textContent = sentence.replace(UNSEEN, "");
  close.className = "btn btn-sm";
  close.type = "button";
  close.textContent = "Understood";
  close.addEventListener("click", () => { note.remove(); focusCard(); });
  note.append(words, close);
  box.append(note);
  while (box.children.length > KEPT_REFUSALS) box.firstChild.remove();
}

export function focusCard() {
  (document.getElementById("card") ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

export const author = (of = document) => of.querySelector("#card-author bdi")?.textContent.trim() ?? "";

// Put another card in the place of this one; the one that leaves is given back as it was.
export function put(card) {
  const before = stage();
  for (const open of before.querySelectorAll("#decide details[open]")) open.open = false;
  before.replaceWith(card);
  focusCard();
  scrollTo({ top: 0 });
  document.dispatchEvent(new CustomEvent("desk:card", { detail: card }));
  return before;
}

// The number of a queue, wherever it stands.
export function counted(queue, number) {
  const name = CSS.escape(queue);
  for (const place of document.querySelectorAll(`[data-count="${name}"]`)) write(place, String(number));
  for (const place of document.querySelectorAll(`[data-of="${name}"]`))
    write(place, place.textContent.replace(/\d+$/, String(number)));
}

function write(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

export function count(queue, by) {
  const place = document.querySelector(`[data-count="${CSS.escape(queue)}"]`);
  if (place) counted(queue, Math.max(0, Number(place.textContent) + by));
}
