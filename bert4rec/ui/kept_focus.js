// Gives the focus back to what had it and is taken out and made anew, as the focus would be at the
// page's top: a button that turns from secondary into primary, as a card that is pressed does, and
// the heading of a section that says something else once it is open.

const KEYED = "[class*=st-key-]";
const KINDS = ["button", "summary"];

export default function ({ parentElement }) {
  // It is called again for each run of the page, without having been asked to leave before.
  if (parentElement.leaveFocus) return parentElement.leaveFocus;
  // Where what had the focus last is found: by the class that Streamlit gives a widget by its key.
  let held = null;

  const first = (place) => document.querySelector(place);
  const take = ({ target }) => {
    const kind = KINDS.find((each) => target.closest(each));
    const box = kind && target.closest(KEYED);
    const key = box && [...box.classList].find((name) => name.startsWith("st-key-"));
    const place = key && `.${CSS.escape(key)} ${kind}`;
    // Only the first of its kind in a box could be found again.
    held = place && first(place) === target.closest(kind) ? place : null;
  };
  const drop = () => {
    held = null;
  };
  const watch = new MutationObserver(() => {
    if (held && document.activeElement === document.body) {
      first(held)?.focus({ preventScroll: true });
    }
  });

  document.addEventListener("focusin", take);
  document.addEventListener("pointerdown", drop, true);
  watch.observe(document.querySelector("[data-testid=stApp]"), { childList: true, subtree: true });
  parentElement.leaveFocus = () => {
    watch.disconnect();
    document.removeEventListener("focusin", take);
    document.removeEventListener("pointerdown", drop, true);
    parentElement.leaveFocus = null;
  };
  return parentElement.leaveFocus;
}
