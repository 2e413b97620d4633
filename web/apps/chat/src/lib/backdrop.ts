/**
 * Colours for the stage around the picture, taken from the poster's own edges, so that the person's background goes on to the
 * stage's (down to where shoulders may reach the edge). Gives CSS variables; without a readable poster none, and the style sheet's defaults hold.
 */
function mean(data: Uint8ClampedArray): string {
  const sum = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
  return `rgb(${sum.map((v) => Math.round((v * 4) / data.length)).join(" ")})`;
}

export async function backdropOf(posterUrl: string): Promise<Record<string, string>> {
  try {
    const image = new Image();
    image.src = posterUrl;
    await image.decode();
    const size = 64;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.drawImage(image, 0, 0, size, size);
    const part = (x: number, y: number, w: number, h: number) => mean(context.getImageData(x, y, w, h).data);
    const left = (y: number) => part(0, y, 1, 4);
    const right = (y: number) => part(size - 1, y, 1, 4);
    return {
      "--back-tl": left(0),
      "--back-l": left(24),
      "--back-bl": left(46),
      "--back-tr": right(0),
      "--back-r": right(24),
      "--back-br": right(46),
    };
  } catch {
    return {};
  }
}
