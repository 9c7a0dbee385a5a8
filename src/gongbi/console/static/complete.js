// The list of names that opens under an expression while it is typed: arrows choose, Enter or Tab takes, Escape closes.
// It works in the browser alone, so that it keeps up with fast typing; the names are put into the page once.
window.gongbiComplete = (id, entries, words) => {
  const box = document.getElementById(id);
  if (!box || box.dataset.complete) return;
  box.dataset.complete = "1";
  const list = document.createElement("ul");
  list.className = "g-complete";
  list.id = id + "-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", words.label);
  list.hidden = true;
  box.after(list);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");
  let shown = [], at = 0, from = 0;

  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const word = () => {
    const before = box.value.slice(0, box.selectionStart);
    if ((before.match(/'/g) || []).length % 2) return null; // Inside a literal.
    const found = before.match(/[\p{L}_][\p{L}\p{N}_.]*$/u);
    return found ? found[0] : null;
  };
  const rank = (entry, typed) => {
    const name = entry.n.toLowerCase();
    if (name === typed) return -1;
    if (name.startsWith(typed)) return 0;
    if (name.split(".").some((part) => part.startsWith(typed))) return 1;
    if (name.includes(typed)) return 2;
    if (entry.s?.some((sound) => sound.startsWith(typed))) return 2;
    return entry.k !== "function" && entry.w.toLowerCase().includes(typed) ? 3 : 9;
  };
  const mark = () => {
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", i === at));
    const item = list.children[at];
    if (item) {
      box.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    }
  };
  const take = (entry) => {
    const end = box.selectionStart;
    box.setRangeText(entry.n, from, end, "end");
    close();
    box.focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  };
  const open = () => {
    const typed = word();
    if (!typed || typed.length < 2) return close();
    from = box.selectionStart - typed.length;
    const low = typed.toLowerCase();
    shown = entries
      .map((entry) => [rank(entry, low), entry])
      .filter(([r]) => r < 9)
      .sort((a, b) => a[0] - b[0] || a[1].n.length - b[1].n.length)
      .slice(0, 9)
      .map(([, entry]) => entry);
    if (!shown.length || shown[0].n.toLowerCase() === low) return close();
    list.replaceChildren(
      ...shown.map((entry, i) => {
        const item = document.createElement("li");
        item.id = list.id + "-" + i;
        item.setAttribute("role", "option");
        const name = document.createElement("code"), about = document.createElement("span"), kind = document.createElement("em");
        name.textContent = entry.n;
        about.textContent = entry.w;
        kind.textContent = words[entry.k] || entry.k;
        item.append(name, about, kind);
        item.onmousedown = (event) => { event.preventDefault(); take(entry); };
        return item;
      })
    );
    at = 0;
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    mark();
  };
  box.addEventListener("input", open);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") take(shown[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
};
window.gongbiWrite = (id, text) => {
  const box = document.getElementById(id);
  if (!box) return;
  box.value = text;
  box.focus();
  box.dispatchEvent(new Event("input", { bubbles: true }));
};
// The form wrote it: the box shows it, and nobody is told that a key was pressed.
window.gongbiPut = (id, text) => {
  const box = document.getElementById(id);
  if (box && box.value !== text) box.value = text;
};
