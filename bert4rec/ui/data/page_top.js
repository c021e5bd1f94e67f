// The page from its top: where a button far down has put something new in the place of all.

export default function ({ parentElement }) {
  parentElement.closest("[data-testid=stMain]")?.scrollTo({ top: 0 });
}
