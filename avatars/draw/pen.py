"""Drawing helpers: smooth curves through points, soft shapes, hair, and the SVG around them."""
import math
import random
import re


def f(v):
    """A number, short."""
    s = f"{v:.1f}"
    return s[:-2] if s.endswith(".0") else s


def mirror(points, cx=512):
    return [(2 * cx - x, y) for x, y in points]


def spline(points, closed=False, tension=0.5):
    """Points -> cubic segments (p0, c1, c2, p1) of a Catmull-Rom curve through them."""
    n = len(points)
    segs = []
    for i in range(n if closed else n - 1):
        if closed:
            p = [points[(i + k - 1) % n] for k in range(4)]
        else:
            p = [points[max(0, min(n - 1, i + k - 1))] for k in range(4)]
        k = tension / 3 * 2
        c1 = (p[1][0] + (p[2][0] - p[0][0]) * k / 2, p[1][1] + (p[2][1] - p[0][1]) * k / 2)
        c2 = (p[2][0] - (p[3][0] - p[1][0]) * k / 2, p[2][1] - (p[3][1] - p[1][1]) * k / 2)
        segs.append((p[1], c1, c2, p[2]))
    return segs


def bez(s, t):
    a, b, c, d = s
    u = 1 - t
    return tuple(u * u * u * a[k] + 3 * u * u * t * b[k] + 3 * u * t * t * c[k] + t * t * t * d[k] for k in (0, 1))


def sample(points, n, closed=False):
    """n points along the smooth curve, evenly by length."""
    segs = spline(points, closed)
    fine = [bez(s, t / 24) for s in segs for t in range(24)]
    fine.append(fine[0] if closed else segs[-1][3])
    acc = [0]
    for a, b in zip(fine, fine[1:]):
        acc.append(acc[-1] + math.hypot(b[0] - a[0], b[1] - a[1]))
    out, j = [], 0
    for i in range(n):
        want = acc[-1] * i / (n - 1)
        while j < len(acc) - 2 and acc[j + 1] < want:
            j += 1
        span = acc[j + 1] - acc[j] or 1
        t = (want - acc[j]) / span
        out.append((fine[j][0] + (fine[j + 1][0] - fine[j][0]) * t, fine[j][1] + (fine[j + 1][1] - fine[j][1]) * t))
    return out


def d(points, closed=True):
    """Path data of the smooth curve."""
    segs = spline(points, closed)
    s = f"M{f(segs[0][0][0])} {f(segs[0][0][1])}"
    for _, c1, c2, p in segs:
        s += f"C{f(c1[0])} {f(c1[1])} {f(c2[0])} {f(c2[1])} {f(p[0])} {f(p[1])}"
    return s + ("Z" if closed else "")


def contour(points, n=25):
    """Points from left to right at even x, of the smooth curve through the given ones."""
    fine = sample(points, 400)
    x0, x1 = fine[0][0], fine[-1][0]
    out, j = [], 0
    for i in range(n):
        x = x0 + (x1 - x0) * i / (n - 1)
        while j < len(fine) - 2 and fine[j + 1][0] < x:
            j += 1
        a, b = fine[j], fine[j + 1]
        t = (x - a[0]) / ((b[0] - a[0]) or 1)
        out.append((x, a[1] + (b[1] - a[1]) * max(0, min(1, t))))
    return out


def at(points, x):
    for a, b in zip(points, points[1:]):
        if x <= b[0]:
            t = max(0, (x - a[0]) / (b[0] - a[0]))
            return a[1] + (b[1] - a[1]) * t
    return points[-1][1]


def mix(a, b, t):
    """Colour between two "#rrggbb"."""
    v = [round(int(a[i:i + 2], 16) * (1 - t) + int(b[i:i + 2], 16) * t) for i in (1, 3, 5)]
    return "#%02x%02x%02x" % tuple(v)


class Soft(str):
    """An element with a blur that Svg.merge may draw together with others of the same blur."""
    sd, body = 0, ""


def extent(body):
    """x0, y0, x1, y1 of paths (of M, L and C) and circles, with their strokes."""
    xs, ys = [], []
    for path in re.findall(r' d="([^"]*)"', body):
        v = [float(n) for n in re.findall(r"-?[\d.]+", path)]
        xs += v[0::2]
        ys += v[1::2]
    for cx, cy, r in re.findall(r'cx="([^"]*)" cy="([^"]*)" r="([^"]*)"', body):
        xs += [float(cx) - float(r), float(cx) + float(r)]
        ys += [float(cy) - float(r), float(cy) + float(r)]
    w = max([float(n) / 2 for n in re.findall(r'stroke-width="([^"]*)"', body)], default=0)
    return min(xs) - w, min(ys) - w, max(xs) + w, max(ys) + w


class Svg:
    """Collects definitions and layers."""

    def __init__(self):
        self.defs, self.layers = [], []
        self.n = 0

    def name(self, stem):
        self.n += 1
        return f"{stem}{self.n}"

    def blur(self, sd, body):
        """The attribute that blurs the body. The filter reaches no further than the blur does: what it costs, and the
        box that the engine finds for the layer, depend on that."""
        x0, y0, x1, y1 = (int(v) for v in extent(body))
        m = int(3 * sd) + 2
        i = self.name("b")
        self.defs.append(f'<filter id="{i}" filterUnits="userSpaceOnUse" x="{x0 - m}" y="{y0 - m}" width="{x1 - x0 + 2 * m + 1}" '
                         f'height="{y1 - y0 + 2 * m + 1}" color-interpolation-filters="sRGB"><feGaussianBlur stdDeviation="{sd}"/></filter>')
        return f'filter="url(#{i})"'

    def blurred(self, body, sd):
        """One element, blurred."""
        e = Soft(body.replace("/>", f" {self.blur(sd, body)}/>"))
        e.sd, e.body = sd, body
        return e

    def linear(self, x1, y1, x2, y2, stops):
        i = self.name("g")
        self.defs.append(f'<linearGradient id="{i}" gradientUnits="userSpaceOnUse" x1="{f(x1)}" y1="{f(y1)}" '
                         f'x2="{f(x2)}" y2="{f(y2)}">{stop_list(stops)}</linearGradient>')
        return f"url(#{i})"

    def radial(self, cx, cy, r, stops, fx=None, fy=None, sy=1):
        i = self.name("g")
        focus = "" if fx is None else f' fx="{f(fx)}" fy="{f(fy)}"'
        scale = "" if sy == 1 else f' gradientTransform="translate(0 {f(cy)}) scale(1 {sy}) translate(0 {f(-cy)})"'
        self.defs.append(f'<radialGradient id="{i}" gradientUnits="userSpaceOnUse" cx="{f(cx)}" cy="{f(cy)}" '
                         f'r="{f(r)}"{focus}{scale}>{stop_list(stops)}</radialGradient>')
        return f"url(#{i})"

    def clip(self, path):
        i = self.name("c")
        self.defs.append(f'<clipPath id="{i}"><path d="{path}"/></clipPath>')
        return f'clip-path="url(#{i})"'

    def fade(self, y0, y1, stops, box):
        """The attribute that lets a group show as strongly as the stops (share of the way, 0…1) say from y0 down to y1.
        For many shapes that is far cheaper than a gradient in each of them."""
        g = self.linear(0, y0, 0, y1, [(o, "#ffffff", a) for o, a in stops])
        place = f'x="{box[0]}" y="{box[1]}" width="{box[2] - box[0]}" height="{box[3] - box[1]}"'
        i = self.name("m")
        self.defs.append(f'<mask id="{i}" maskUnits="userSpaceOnUse" {place}><rect {place} fill="{g}"/></mask>')
        return f'mask="url(#{i})"'

    def soft(self, points, colour, opacity, sd, closed=True):
        """A blurred shape: the airbrush."""
        sd = min((1.2, 1.6, 2.5, 3.5, 5, 7, 9, 11, 14, 17, 21), key=lambda v: abs(v - sd))
        return self.blurred(f'<path d="{d(points, closed)}" fill="{colour}" fill-opacity="{opacity:.3g}"/>', sd)

    def merge(self, items):
        """The items in order, but blurred ones that share their blur drawn as one group, where the first of them stands.
        A blur costs as much as the picture is large, however small the shape, so this makes drawing several times
        faster; light touches of the brush may well change their order."""
        groups, out = {}, []
        for e in items:
            if not isinstance(e, Soft):
                out.append(e)
                continue
            if e.sd not in groups:
                groups[e.sd] = []
                out.append(groups[e.sd])
            groups[e.sd].append(e)
        return "\n".join(e if isinstance(e, str) else self.group(e) for e in out)

    def group(self, items):
        bodies = "".join(e.body for e in items)
        return f"<g {self.blur(items[0].sd, bodies)}>{bodies}</g>"

    def spot(self, cx, cy, rx, ry, colour, opacity, turn=0):
        """An elliptic spot that fades out from its middle; needs no filter."""
        g = self.radial(0, 0, 1, [(0, colour, 1), (0.35, colour, 0.72), (0.7, colour, 0.22), (1, colour, 0)])
        return (f'<circle r="1" fill="{g}" fill-opacity="{opacity}" '
                f'transform="translate({f(cx)} {f(cy)}) rotate({f(turn)}) scale({f(rx)} {f(ry)})"/>')

    def line(self, points, colour, width, opacity=1, sd=0):
        body = (f'<path d="{d(points, False)}" fill="none" stroke="{colour}" stroke-width="{f(width)}" '
                f'stroke-linecap="round" stroke-opacity="{opacity:.3g}"/>')
        return self.blurred(body, sd) if sd else body

    def layer(self, name, *content):
        self.layers.append(f'<g id="{name}">\n' + "\n".join(content) + "\n</g>")

    def text(self, title):
        layers = "\n".join(self.layers)
        used = set(re.findall(r"filter=.url.(#\w+)", layers))  # merged shapes have left theirs
        defs = [e for e in self.defs if not e.startswith("<filter") or "#" + e.split('"')[1] in used]
        return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="-512 -512 2048 1600">\n'
                f"<title>{title}</title>\n<defs>\n" + "\n".join(defs) + "\n</defs>\n" + layers + "\n</svg>\n")


def stop_list(stops):
    return "".join(f'<stop offset="{o:g}" stop-color="{c}"' + (f' stop-opacity="{a:g}"' if a < 1 else "") + "/>"
                   for o, c, a in stops)


def taper(points, width, start=0.0, end=0.0, n=10):
    """Outline of a stroke along the points whose width goes from start over 1 to end (shares of width)."""
    p = sample(points, n)
    left, right = [], []
    for i, (x, y) in enumerate(p):
        a, b = p[max(0, i - 1)], p[min(n - 1, i + 1)]
        dx, dy = b[0] - a[0], b[1] - a[1]
        ln = math.hypot(dx, dy) or 1
        t = i / (n - 1)
        k = (start + (1 - start) * min(1, t / 0.35)) if t < 0.35 else (1 + (end - 1) * (t - 0.35) / 0.65)
        w = width * k / 2
        left.append((x - dy / ln * w, y + dx / ln * w))
        right.append((x + dy / ln * w, y - dx / ln * w))
    return left + right[::-1]


def comb(rng, guides, count, paints, width, opacity, wander=6.0, spread=(0, 1), ends=(0, 1), points=6):
    """Hairs that follow the guides: each runs at its own place between two neighbours. paints: colours or gradients, one
    is picked for each. spread: which places, 0 at the first guide, 1 at the last; ends: where along the guides the hairs
    begin and end, with some play; wander: how far they leave their place."""
    fine = [sample(g, 41) for g in guides]
    out = []
    for _ in range(count):
        place = (spread[0] + (spread[1] - spread[0]) * rng.random()) * (len(fine) - 1)
        k = min(len(fine) - 2, int(place))
        a, b, share = fine[k], fine[k + 1], place - k
        t0 = max(0, min(1, ends[0] + (rng.random() - 0.3) * 0.14))
        t1 = max(0, min(1, ends[1] - (rng.random() - 0.3) * 0.14))
        if t1 - t0 < 0.15:
            continue
        phase, reach = rng.random() * 6.28, (rng.random() - 0.5) * 2 * wander
        path = []
        for n in range(points):
            t = t0 + (t1 - t0) * n / (points - 1)
            i = min(39, int(t * 40))
            u = t * 40 - i
            ax, ay = a[i][0] + (a[i + 1][0] - a[i][0]) * u, a[i][1] + (a[i + 1][1] - a[i][1]) * u
            bx, by = b[i][0] + (b[i + 1][0] - b[i][0]) * u, b[i][1] + (b[i + 1][1] - b[i][1]) * u
            off = reach * math.sin(phase + t * 3.5) * min(1, t * 3)
            ln = math.hypot(bx - ax, by - ay) or 1
            path.append((ax + (bx - ax) * share + off * (bx - ax) / ln, ay + (by - ay) * share + off * (by - ay) / ln))
        w = width[0] + (width[1] - width[0]) * rng.random() ** 1.6
        o = opacity[0] + (opacity[1] - opacity[0]) * rng.random()
        out.append(f'<path d="{d(taper(path, w, 0.15, 0.1, points + 1))}" fill="{rng.choice(paints)}" fill-opacity="{o:.2f}"/>')
    return "\n".join(out)


def strands(rng, edge_a, edge_b, *args, **kw):
    """Hairs between two edges."""
    return comb(rng, [edge_a, edge_b], *args, **kw)
