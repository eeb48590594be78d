// The contrast (WCAG 2) of a button's words on what lies behind them, as it is drawn at this moment.
button => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const behind = [];
  for (let each = button; each; each = each.parentElement ?? each.getRootNode().host) {
    behind.unshift(getComputedStyle(each).backgroundColor);
  }
  const luminance = () => {
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map(
      level => (level / 255 <= 0.04045 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const paint = colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return luminance(); };
  const ground = behind.map(paint).at(-1), words = paint(getComputedStyle(button).color);
  return (Math.max(ground, words) + 0.05) / (Math.min(ground, words) + 0.05);
}
