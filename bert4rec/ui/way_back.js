// What a page writes into its address by itself, as it names what it shows, is no step of the
// browser's way back: that would lead to the same page once more. What is pressed on it is one, but
// for what is filled into a form, field by field. A press that leads to another page is one step,
// though Streamlit puts what that page is asked for behind the name of this one first.

export default function ({ data, parentElement }) {
  // It is called again for each run of the page, without having been asked to leave before.
  if (parentElement.leaveWay) return parentElement.leaveWay;
  const { pushState } = history;
  let isPressed = false;
  // What was asked for since the press in a step on this page; null where there was none.
  let asked = null;
  const press = () => {
    isPressed = true;
    asked = null;
  };
  const arrive = () => {
    isPressed = false;
    asked = null;
  };

  const besideForm = (address) => {
    const told = new URLSearchParams(address.search);
    data.form.forEach((name) => told.delete(name));
    return told.toString();
  };

  history.pushState = (state, title, url) => {
    const next = new URL(url ?? "", location.href);
    const isHere = next.pathname === location.pathname;
    const isStep = isHere
      ? isPressed && besideForm(next) !== besideForm(location)
      : asked === null || asked !== next.search;
    (isStep ? pushState : history.replaceState).call(history, state, title, url);
    if (!isHere) arrive();
    else if (isStep) asked = next.search;
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
