// Another page of this site, fetched and read; and the one live region.
export async function read(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

export function say(words) {
  const region = document.getElementById("say");
  if (!region || !words) return;
  // Emptied first: the same sentence twice is two events.
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = words; });
}
