// What a page writes into its address by itself, as it names what it shows, is no step of the
// browser's way back: that would lead to the same page once more. What is pressed on it is one, but
// for what is filled into a form, field by field.

export default function ({ data, parentElement }) {
  // It is called again for each run of the page, without having been asked to leave before.
  if (parentElement.leaveWay) return parentElement.leaveWay;
  const { pushState } = history;
  let isPressed = false;
  const press = () => {
    isPressed = true;
  };
  const arrive = () => {
    isPressed = false;
  };

  const besideForm = (address) => {
    const told = new URLSearchParams(address.search);
    data.form.forEach((name) => told.delete(name));
    return told.toString();
  };

  history.pushState = (state, title, url) => {
    const next = new URL(url ?? "", location.href);
    const isHere = next.pathname === location.pathname;
    const isStep = !isHere || (isPressed && besideForm(next) !== besideForm(location));
    (isStep ? pushState : history.replaceState).call(history, state, title, url);
    if (!isHere) arrive();
  };
  addEventListener("pointerdown", press, true);
  addEventListener("keydown", press, true);
  addEventListener("popstate", arrive, true);
  parentElement.leaveWay = () => {
    history.pushState = pushState;
    removeEventListener("pointerdown", press, true);
    removeEventListener("keydown", press, true);
    removeEventListener("popstate", arrive, true);
    parentElement.leaveWay = null;
  };
  return parentElement.leaveWay;
}
