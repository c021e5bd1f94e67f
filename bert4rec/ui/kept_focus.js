// Gives the focus back to a button that had it: one that turns from secondary into primary, as a
// card that is pressed does, is taken out and made anew, and the focus would be at the page's top.

const KEYED = "[data-testid=stElementContainer][class*=st-key-]";

export default function ({ parentElement }) {
  // It is called again for each run of the page, without having been asked to leave before.
  if (parentElement.leaveFocus) return parentElement.leaveFocus;
  // The class by which Streamlit names the widget that had the focus last.
  let held = null;

  const take = ({ target }) => {
    const box = target.closest("button") && target.closest(KEYED);
    held = box && [...box.classList].find((name) => name.startsWith("st-key-"));
  };
  const drop = () => {
    held = null;
  };
  const watch = new MutationObserver(() => {
    if (held && document.activeElement === document.body) {
      document.querySelector(`.${CSS.escape(held)} button`)?.focus({ preventScroll: true });
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
