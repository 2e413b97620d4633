/**
 * Holding a key to talk. The space bar belongs to what has the focus where that takes text or is worked by it; elsewhere it is
 * free.
 */
const TAKES_SPACE =
  "input, textarea, select, button, a[href], summary, [contenteditable]:not([contenteditable=false]), [role=slider], [role=combobox], [role=radio], [role=switch], [role=option]";

export const takesSpace = (target: EventTarget | null) => target instanceof Element && target.closest(TAKES_SPACE) !== null;

/** Calls back when the free space bar goes down and when it comes up (or the page loses the keyboard). Gives back the end. */
export function onSpaceHeld(down: () => void, up: () => void): () => void {
  let held = false;
  const release = () => {
    if (held) up();
    held = false;
  };
  const onDown = (e: KeyboardEvent) => {
    if (e.code !== "Space" || e.ctrlKey || e.altKey || e.metaKey || e.isComposing || takesSpace(e.target)) return;
    e.preventDefault();
    if (held || e.repeat) return;
    held = true;
    down();
  };
  const onUp = (e: KeyboardEvent) => e.code === "Space" && release();
  window.addEventListener("keydown", onDown);
  window.addEventListener("keyup", onUp);
  window.addEventListener("blur", release);
  return () => {
    release();
    window.removeEventListener("keydown", onDown);
    window.removeEventListener("keyup", onUp);
    window.removeEventListener("blur", release);
  };
}
