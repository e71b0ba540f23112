// What can be measured of a page in the browser itself. Evaluated as one expression, which gives the complaints.
(() => {
  const complaints = [];
  const complain = (what) => { if (complaints.length < 20) complaints.push(what); };
  const short = (text) => text.trim().replace(/\s+/g, " ").slice(0, 60);

  // Colours, as red, green, blue from 0 to 255 and opacity from 0 to 1.
  const colour = (css) => {
    const numbers = (css.match(/[\d.]+/g) || []).map(Number);
    return css.startsWith("rgb") ? [...numbers.slice(0, 3), numbers[3] ?? 1] : null;
  };
  const over = (top, below) => top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = (rgb) => {
    const linear = rgb.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (one, other) => {
    const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  };

  // What lies below an element of HTML.
  const canvas = colour(getComputedStyle(document.body).backgroundColor);
  const background = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = colour(getComputedStyle(at).backgroundColor);
      if (layer && layer[3] > 0) layers.push(layer);
      if (layer && layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [...canvas.slice(0, 3), 1]);
  };
  // Every colour that a shape of a drawing shows: its own, or those of its pattern.
  const shown = (shape) => {
    const fill = getComputedStyle(shape).fill;
    const pattern = fill.match(/url\("?#([^")]+)"?\)/);
    if (!pattern) return [colour(fill)].filter(Boolean);
    return [...document.getElementById(pattern[1]).children].flatMap((part) => {
      const style = getComputedStyle(part);
      return [colour(style.fill), colour(style.stroke)].filter((found) => found && found[3] > 0);
    });
  };
  // What lies below a text of a drawing: the shapes under its middle and ends, unless it has an edge of its own.
  const below = (text) => {
    const style = getComputedStyle(text);
    const paper = background(text);
    if (style.paintOrder.startsWith("stroke") && colour(style.stroke)) return [colour(style.stroke)];
    const box = text.getBoundingClientRect();
    const y = box.top + box.height / 2;
    const shapes = [0.05, 0.5, 0.95].flatMap((part) => {
      const elements = document.elementsFromPoint(box.left + box.width * part, y);
      return elements.filter((found) => ["rect", "circle"].includes(found.tagName)).slice(0, 1);
    });
    return shapes.flatMap(shown).concat([paper]);
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let measured = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["TITLE", "STYLE", "title"].includes(element.tagName)) continue;
    if (!element.checkVisibility() || element.closest(".unseen")) continue;
    const drawn = element.namespaceURI.endsWith("/svg");
    const style = getComputedStyle(element);
    const ink = colour(drawn ? style.fill : style.color);
    const grounds = drawn ? below(element) : [background(element)];
    const worst = Math.min(...grounds.map((ground) => contrast(over(ink, ground), ground)));
    measured += 1;
    if (!(worst >= 4.5)) complain(`contrast ${worst.toFixed(2)} of \`${short(walker.currentNode.data)}\``);
  }
  if (measured < 50) complain(`only ${measured} texts were measured`);

  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) complain(`the page is ${page.scrollWidth} wide on ${page.clientWidth}`);
  for (const element of document.querySelectorAll(".scroll")) {
    if (element.tabIndex !== 0 || !element.getAttribute("aria-label")) complain("a region scrolls without the keyboard");
  }
  for (const element of document.body.querySelectorAll("*")) {
    const outside = element.getBoundingClientRect().right > page.clientWidth + 1;
    if (outside && !element.closest(".scroll") && element.checkVisibility() && !element.closest(".unseen")) {
      complain(`\`${element.tagName} ${short(element.textContent)}\` reaches beyond the page`);
    }
  }

  if (!page.lang) complain("the page does not say its language");
  if (document.querySelectorAll("h1").length !== 1) complain("there is not one h1");
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((heading) => Number(heading.tagName[1]));
  if (levels.some((level, i) => level > (levels[i - 1] ?? 0) + 1)) complain(`headings skip a level: ${levels}`);
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption || !table.tHead?.querySelector("th[scope=col]")) complain("a table has no caption or headings");
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) complain("an id is given twice");
  if (document.querySelector("script, link, img, iframe, object, embed, form")) complain("something would be loaded or run");
  return complaints;
})()
