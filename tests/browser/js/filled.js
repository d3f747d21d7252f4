async ([text, head]) => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + text)).blob());
  const surface = new OffscreenCanvas(picture.width, picture.height), g = surface.getContext('2d');
  g.drawImage(picture, 0, 0);
  const { width, height } = picture, pixels = g.getImageData(0, 0, width, height).data;
  const key = (x, y) => { const i = 4 * (y * width + x); return (pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]; };
  const count = new Map();
  for (let y = 0; y < height; y += 3) for (let x = 0; x < width; x += 3) count.set(key(x, y), (count.get(key(x, y)) ?? 0) + 1);
  const ground = [...count].sort((a, b) => b[1] - a[1])[0][0];
  const edge = 24, top = edge + head, across = 6, down = height > 400 ? 4 : 1;
  let filled = 0;
  for (let i = 0; i < across; i++) for (let j = 0; j < down; j++) {
    let ink = 0, n = 0;
    for (let y = Math.floor(top + ((height - top - edge) * j) / down); y < top + ((height - top - edge) * (j + 1)) / down; y++)
      for (let x = Math.floor(edge + ((width - 2 * edge) * i) / across); x < edge + ((width - 2 * edge) * (i + 1)) / across; x++, n++) if (key(x, y) !== ground) ink++;
    if (ink > 0.004 * n) filled++;
  }
  return filled / (across * down);
}
