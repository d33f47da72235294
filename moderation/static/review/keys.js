// Which key does what. A key is ours only outside fields and dialogs, without a modifier, and never when it is held.
function typing(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog[open]");
}

function close() {
  const open = document.querySelector("#main details.rd-pick[open]");
  if (!open) return;
  open.open = false;
  document.getElementById("card")?.focus();
}

// The person's own keys, as the server wrote them: {"a": "approve"}.
export const keys = () => JSON.parse(document.body.dataset.keys ?? "{}");

export function keysOf({ act, palette, on }) {
  return (event) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && key === "k") {
      event.preventDefault();
      return palette();
    }
    if (event.key === "Escape") close();
    if (!on() || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const picker = document.querySelector("#main details.rd-pick[open]");
    const numbered = /^[1-9]$/.test(key) && picker?.querySelector(`[data-n="${key}"]`);
    const name = keys()[key];
    if (numbered) numbered.click();
    else if (!name || act(name) === false) return;
    event.preventDefault();
  };
}
