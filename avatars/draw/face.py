"""The parts that every person has: background, skin, nose, ears, eyes, brows, lips, mouth. Measures come from the
person (people in lin.py and david.py), so that two faces share the craft and not the features."""
import math

from pen import at, contour, d, f, mirror, mix, sample, taper

CX = 512


def background(s, p):
    top, mid, edge = p.backdrop
    g = s.radial(430, 380, 1150, [(0, top, 1), (0.45, mid, 1), (1, edge, 1)])
    s.layer("background", f'<rect x="-520" y="-520" width="2064" height="1616" fill="{g}"/>')


def both(draw):
    """draw(side) for both sides; side -1 is the viewer's left."""
    return "\n".join(draw(side) for side in (-1, 1))


def sx(side, dx):
    return CX + side * dx


def ears(s, p):
    def one(side):
        x, y0, y1 = p.ear

        def m(pts):
            return [(sx(side, x + dx), y0 + (y1 - y0) * v) for dx, v in pts]
        pts = m([(-16, 0.16), (-6, 0.03), (12, -0.01), (27, 0.08), (32, 0.26), (28, 0.46), (20, 0.64), (16, 0.82), (8, 0.96), (-4, 1.0), (-14, 0.90)])
        clip = s.clip(d(pts))
        k = 0 if side < 0 else 0.4
        return (f'<path d="{d(pts)}" fill="{mix(mix(p.skin, p.blush, 0.18), p.shade, 0.1 + k)}"/><g {clip}>'
                + s.soft(m([(-4, 0.16), (10, 0.11), (18, 0.24), (17, 0.42), (9, 0.56), (6, 0.68), (-4, 0.72), (-12, 0.5)]), p.deep, 0.55, 4)
                + s.soft(m([(0, 0.44), (9, 0.46), (6, 0.60), (-4, 0.66)]), p.dark, 0.5, 3)
                + s.line(m([(-8, 0.14), (6, 0.06), (20, 0.09), (25, 0.24), (21, 0.44)]), p.light, 5, 0.55 - 0.3 * k, 1.8)
                + s.line(m([(-2, 0.19), (12, 0.15), (17, 0.26), (15, 0.40), (9, 0.52)]), p.dark, 2.2, 0.4, 1.2)
                + s.line(m([(2, 0.28), (9, 0.30), (9, 0.42), (3, 0.52)]), p.light, 4, 0.4 - 0.2 * k, 1.8)
                + s.spot(sx(side, x + 3), y0 + (y1 - y0) * 0.86, 11, 13, p.blush, 0.5) + s.spot(sx(side, x + 1), y0 + (y1 - y0) * 0.84, 6, 7, p.light, 0.35)
                + s.spot(sx(side, x - 14), (y0 + y1) / 2, 15, 90, p.dark, 0.5) + "</g>")
    return both(one)


def neck(s, p):
    w, y0 = p.neck_width, p.chin - 60
    pts = [(CX - w + 6, y0), (CX - w, 720), (CX - w - 3, 770), (CX - w - 10, 806), (CX - w - 14, 850), (CX - w - 16, 920),
           (CX - w - 16, 1180), (CX + w + 16, 1180), (CX + w + 16, 920), (CX + w + 14, 850), (CX + w + 10, 806), (CX + w + 3, 770),
           (CX + w, 720), (CX + w - 6, y0)]
    clip = s.clip(d(pts))
    g = s.linear(CX - w, 0, CX + w, 0, [(0, mix(p.skin, p.shade, 0.55), 1), (0.28, mix(p.skin, p.shade, 0.1), 1),
                                        (0.62, mix(p.skin, p.shade, 0.3), 1), (1, mix(p.shade, p.deep, 0.35), 1)])
    c = p.chin + p.raised
    cast = [(CX - w - 30, c - 80), (CX - 60, c - 40), (CX + 60, c - 40), (CX + w + 30, c - 80), (CX + w + 24, c + 50), (CX + w - 20, c + 62),
            (CX + 40, c + 66), (CX - 40, c + 50), (CX - w + 10, c + 20), (CX - w - 30, c + 10)]
    out = [s.soft(cast, p.deep, 0.70, 14),
           s.soft([(CX - w - 10, c - 60), (CX - w + 40, c - 30), (CX - 50, c + 6), (CX + 50, c + 6), (CX + w - 30, c - 30), (CX + w + 10, c - 60),
                   (CX, c - 120)], p.dark, 0.52, 10)]
    # muscles that run from behind the ears to the pit of the neck, the pit, the collar bones
    for side in (-1, 1):
        k = 1 if side < 0 else 1.25
        out += [s.soft([(sx(side, w - 10), 730), (sx(side, w - 34), 790), (sx(side, 26), 872), (sx(side, 20), 884), (sx(side, 40), 876),
                        (sx(side, w - 12), 800)], p.deep, 0.20 * k, 7),
                s.soft([(sx(side, w - 20), 745), (sx(side, 50), 845), (sx(side, 30), 872), (sx(side, 62), 836), (sx(side, w - 12), 770)],
                       p.light, 0.30 / k, 7),
                s.soft([(sx(side, 22), 893), (sx(side, 70), 880), (sx(side, 150), 868), (sx(side, 250), 872), (sx(side, 150), 886),
                        (sx(side, 70), 899)], p.deep, 0.36, 6),
                s.soft([(sx(side, 26), 880), (sx(side, 80), 866), (sx(side, 160), 856), (sx(side, 240), 860), (sx(side, 150), 869),
                        (sx(side, 70), 880)], p.light, 0.55 / k, 5)]
    out += [s.spot(CX, 893, 26, 22, p.deep, 0.55), s.spot(CX - 6, 960, 120, 70, p.light, 0.35),
            s.spot(CX - 30, 800, 30, 60, p.light, 0.28)]
    return f'<path d="{d(pts)}" fill="{g}"/><g {clip}>' + s.merge(out) + "</g>"


def head(s, p):
    """The face without eyes, brows and lips."""
    pts = p.face + mirror(p.face)[::-1][1:-1]
    clip = s.clip(d(pts))
    g = s.linear(330, 260, 700, 640, [(0, mix(p.skin, p.light, 0.55), 1), (0.4, p.skin, 1), (0.75, mix(p.skin, p.shade, 0.38), 1),
                                      (1, mix(p.skin, p.shade, 0.8), 1)])
    chin, ey = p.chin, p.eye_y
    o = []
    # the turning away of the sides, more on the side away from the light
    for side, k in ((-1, 0.62), (1, 1.0)):
        o += [s.soft([(sx(side, 225), 240), (sx(side, 176), 330), (sx(side, 178), 430), (sx(side, 160), 540), (sx(side, 112), 634),
                      (sx(side, 40), chin + 8), (sx(side, 120), 730), (sx(side, 260), 600)], p.deep, 0.42 * k, 16),
              s.soft([(sx(side, 205), 250), (sx(side, 120), 226), (sx(side, 150), 300), (sx(side, 172), 390), (sx(side, 230), 380)], p.shade,
                     0.55 * k, 18),
              # below the cheekbone
              s.soft([(sx(side, 185), 486), (sx(side, 140), 520), (sx(side, 108), 566), (sx(side, 118), 610), (sx(side, 160), 570)],
                     p.deep, p.hollow * k, 16),
              # warmth and light on the cheek
              s.spot(sx(side, 116), 506, 88, 60, p.blush, p.blush_force * (1 if side < 0 else 0.9), side * -22),
              s.spot(sx(side, 114), 480, 66, 32, p.light, 0.50 if side < 0 else 0.24, side * -24),
              # eye socket: towards the nose, above the lid, below the eye
              s.soft([(sx(side, 42), ey - 38), (sx(side, 62), ey - 32), (sx(side, 50), ey + 2), (sx(side, 34), ey + 22), (sx(side, 24), ey)],
                     p.deep, 0.36 * (0.85 if side < 0 else 1.1), 8),
              s.soft([(sx(side, 44), ey - 34), (sx(side, 92), ey - 42), (sx(side, 142), ey - 26), (sx(side, 150), ey + 4),
                      (sx(side, 92), ey - 18), (sx(side, 48), ey + 4)], p.deep, 0.30, 9),
              s.soft([(sx(side, 46), ey + 22), (sx(side, 90), ey + 36), (sx(side, 142), ey + 14), (sx(side, 110), ey + 44),
                      (sx(side, 66), ey + 44)], p.deep, p.bags, 7),
              s.spot(sx(side, 96), ey + 56, 50, 18, p.light, 0.26 if side < 0 else 0.15, side * -10),
              s.spot(sx(side, 112), ey - 54, 46, 10, p.light, 0.5 if side < 0 else 0.3, side * 8)]
    # forehead, chin
    o += [s.spot(CX - 30, 285, 130, 78, p.light, 0.7),
          s.spot(CX - 8, chin - 36, 48, 30, p.light, 0.48),
          s.spot(CX, chin + 6, 90, 20, p.deep, 0.40),
          s.spot(CX, chin - 34, 60, 44, p.blush, 0.22)]
    o += nose(s, p) + around_mouth(s, p) + list(p.extra_skin(s))
    return f'<path d="{d(pts)}" fill="{g}"/><g {clip}>' + s.merge(o) + "</g>"


def nose(s, p):
    y, w, ey = p.nose_y, p.nose_w, p.eye_y
    o = []
    for side, k in ((-1, 0.55), (1, 1.0)):
        o += [  # flank of the bridge
            s.soft([(sx(side, 24), ey - 20), (sx(side, 17), ey + 30), (sx(side, 15), ey + 62), (sx(side, 22), y - 26), (sx(side, 40), y - 14),
                    (sx(side, 44), y - 34), (sx(side, 34), ey + 50), (sx(side, 38), ey + 10)], p.shade, 0.62 * k, 7),
            # fold above the wing
            s.soft([(sx(side, w - 16), y - 30), (sx(side, w - 3), y - 26), (sx(side, w + 5), y - 8), (sx(side, w + 1), y + 4), (sx(side, w - 5), y - 10)],
                   p.deep, 0.54 * (0.8 + 0.3 * k), 3.2),
            s.spot(sx(side, w - 12), y - 12, 9, 11, p.light, 0.36 if side < 0 else 0.15),
            # start of the fold between nose and mouth
            s.soft([(sx(side, w + 6), y - 2), (sx(side, w + 22), y + 22), (sx(side, w + 34), y + 48), (sx(side, w + 30), y + 48),
                    (sx(side, w + 14), y + 24)], p.deep, p.fold, 5)]
    o += [  # light along the bridge, ball of the nose
        s.soft([(CX - 5, ey - 34), (CX + 1, ey - 34), (CX + 3, ey + 44), (CX + 5, y - 34), (CX - 10, y - 34), (CX - 7, ey + 44)], p.light, 0.62, 6),
        s.spot(CX - 4, y - 24, 20, 18, p.light, 0.8),
        s.spot(CX - 6, y - 27, 7, 6, "#ffffff", 0.5),
        s.spot(CX + 14, y - 10, 20, 16, p.shade, 0.5),
        s.spot(CX, y - 16, 40, 26, p.blush, 0.30),
        # underside, shadow on the lip
        s.soft([(CX - w + 6, y + 1), (CX - 16, y - 3), (CX, y + 6), (CX + 16, y - 3), (CX + w - 6, y + 1), (CX + 22, y + 10), (CX, y + 14),
                (CX - 22, y + 10)], p.deep, 0.62, 3.5),
        s.soft([(CX - 24, y + 8), (CX + 30, y + 8), (CX + 34, y + 20), (CX + 4, y + 26), (CX - 18, y + 18)], p.deep, 0.26, 6)]
    for side in (-1, 1):
        hole = [(sx(side, 8), y + 2), (sx(side, 15), y - 4), (sx(side, 23), y - 3), (sx(side, w - 8), y + 2), (sx(side, 19), y + 4)]
        o += [s.soft(hole, p.dark, 0.85, 1.6),
              s.soft([(sx(side, 10), y + 1), (sx(side, 16), y - 2), (sx(side, 22), y - 1), (sx(side, 16), y + 2)], "#2b120d", 0.55, 1.2)]
    return o


def around_mouth(s, p):
    """Philtrum, the shadow below the lower lip, the soft corners."""
    top, low = p.lip_top[len(p.lip_top) // 2][1], p.lip_low[len(p.lip_low) // 2][1]
    y, left, right = p.nose_y, p.lip_line[0], p.lip_line[-1]
    return [s.soft([(CX - 5, y + 12), (CX + 4, y + 12), (CX + 7, top - 5), (CX, top - 1), (CX - 7, top - 5)], p.deep, 0.30, 3),
            s.soft([(CX - 13, y + 14), (CX - 8, y + 14), (CX - 10, top - 4), (CX - 18, top - 4)], p.light, 0.45, 2.5),
            s.soft([(CX + 9, y + 14), (CX + 13, y + 14), (CX + 18, top - 4), (CX + 11, top - 4)], p.light, 0.30, 2.5),
            s.soft([(CX - 42, low + 1), (CX, low + 7), (CX + 42, low + 1), (CX + 30, low + 13), (CX, low + 17), (CX - 30, low + 13)], p.deep,
                   0.50, 5),
            s.spot(left[0] - 6, left[1] + 1, 15, 14, p.deep, 0.14), s.spot(right[0] + 6, right[1] + 1, 15, 14, p.deep, 0.2),
            s.soft([(left[0] + 16, left[1] - 17), (CX - 20, top - 8), (CX - 22, top - 3), (left[0] + 24, left[1] - 11)], p.light, 0.34, 3.5),
            s.spot(left[0] - 22, left[1] + 20, 28, 34, p.light, 0.16)]


# ---- eyes ----

def eye_sides(p, side):
    """The four contours of one eye, from left to right."""
    def turn(points):
        pts = [(CX + side * x, y) for x, y in points]
        return pts if pts[0][0] < pts[-1][0] else pts[::-1]
    return {k: contour(turn(v), 29) for k, v in (("open", p.eye_open), ("closed", p.eye_closed), ("low", p.eye_low),
                                                   ("crease", p.eye_crease))}


def eyeball(s, p):
    def one(side):
        e = eye_sides(p, side)
        pts = e["open"] + e["low"][::-1]
        ix, iy, _ = p.iris
        cx = sx(side, ix)
        inner, outer = sx(side, p.eye_low[0][0]), sx(side, p.eye_low[-1][0])
        y = p.eye_low[0][1]
        x0, x1 = min(inner, outer) - 12, max(inner, outer) + 12
        g = s.radial(cx - side * 2, iy + 2, 52, [(0, p.sclera[0], 1), (0.5, p.sclera[0], 1), (0.8, p.sclera[1], 1), (1, p.sclera[2], 1)])
        return (f'<rect x="{f(x0)}" y="{f(iy - 50)}" width="{f(x1 - x0)}" height="100" fill="{g}"/>'
                + s.spot(inner, y - 1, 17, 15, "#c98d80", 0.85) + s.spot(inner + side * 5, y, 6, 5, "#e2a397", 0.9)
                + s.spot(outer, p.eye_low[-1][1], 18, 18, "#a98277", 0.55)
                + s.spot(cx, iy + 24, 44, 14, "#dcb4a6", 0.6)
                + s.spot(cx, iy - 24, 60, 18, "#a58478", 0.55))
    s.layer("eyeball", both(one))


def iris(s, p):
    def one(side):
        x, y, r = p.iris
        x = sx(side, x)
        light, mid, edge = p.iris_colours
        g = s.radial(x, y, r, [(0, mid, 1), (0.42, mid, 1), (0.6, mix(mid, light, 0.45), 1), (0.80, mix(mid, edge, 0.35), 1),
                               (0.93, edge, 1), (1, edge, 0.75)])
        rays = []
        for k in range(52):
            a = k / 52 * 2 * math.pi + 0.05 * math.sin(k * 7.3)
            r0, r1 = r * (0.40 + 0.05 * math.sin(k * 3.1)), r * (0.80 + 0.1 * math.sin(k * 5.7))
            c = light if k % 3 else edge
            rays.append(f'<path d="M{f(x + r0 * math.cos(a))} {f(y + r0 * math.sin(a))}L{f(x + r1 * math.cos(a))} '
                        f'{f(y + r1 * math.sin(a))}" stroke="{c}" stroke-width="0.7" stroke-opacity="{0.32 if k % 3 else 0.4}"/>')
        clip = s.clip(f"M{f(x - r)} {f(y)}A{f(r)} {f(r)} 0 1 1 {f(x + r)} {f(y)}A{f(r)} {f(r)} 0 1 1 {f(x - r)} {f(y)}Z")
        return (s.blurred(f'<circle cx="{f(x)}" cy="{f(y)}" r="{f(r + 0.6)}" fill="{edge}" fill-opacity="0.35"/>', 0.9)
                + f'<circle cx="{f(x)}" cy="{f(y)}" r="{f(r)}" fill="{g}"/>' + "".join(rays) + f"<g {clip}>"
                + s.spot(x + 3, y + r * 0.55, r * 0.72, r * 0.42, light, 0.75)
                + s.spot(x, y - r * 0.75, r * 1.1, r * 0.6, "#120906", 0.6) + "</g>"
                + f'<circle cx="{f(x)}" cy="{f(y)}" r="{f(r * 0.40)}" fill="#0c0605"/>'
                + s.blurred(f'<circle cx="{f(x)}" cy="{f(y)}" r="{f(r * 0.44)}" fill="#0c0605" fill-opacity="0.4"/>', 0.9))
    s.layer("iris", both(one))


def shine(s, p):
    def one(side):
        x, y, r = p.iris
        x = sx(side, x)
        return (f'<ellipse cx="{f(x - r * 0.30)}" cy="{f(y - r * 0.30)}" rx="{f(r * 0.20)}" ry="{f(r * 0.25)}" fill="#fff" fill-opacity="0.96" '
                f'transform="rotate(18 {f(x - r * 0.3)} {f(y - r * 0.3)})"/>'
                + s.spot(x - r * 0.3, y - r * 0.3, r * 0.42, r * 0.42, "#ffffff", 0.5)
                + s.spot(x + r * 0.34, y + r * 0.42, r * 0.24, r * 0.18, "#ffffff", 0.55))
    s.layer("shine", both(one))


def lids(s, p):
    def one(side):
        e = eye_sides(p, side)
        crease, closed = e["crease"], e["closed"]
        area = [(x, y - 3) for x, y in crease] + [(x, y + 2) for x, y in closed[::-1]]
        clip = s.clip(d([(x, y - 4) for x, y in crease] + [(x, y + 8) for x, y in closed[::-1]]))
        n = len(crease)
        mid = n // 2
        bulge = [(x, y + (at(closed, x) - y) * 0.34) for x, y in crease[3:-3]] + [(x, y + (at(closed, x) - y) * 0.62) for x, y in crease[-4:2:-1]]
        lower = [(x, y + (at(closed, x) - y) * 0.68) for x, y in crease] + [(x, y + 5) for x, y in closed[::-1]]
        tone = mix(p.skin, p.shade, 0.30 if side < 0 else 0.5)
        return (s.blurred(f'<path d="{d(area)}" fill="{tone}"/>', 1.2) + f"<g {clip}>"
                + s.soft(lower, p.lid_tint, p.lid_force, 5)
                + s.soft(bulge, p.light, 0.55 if side < 0 else 0.34, 4.5)
                + s.spot(crease[mid][0] - 6, (crease[mid][1] * 0.5 + closed[mid][1] * 0.5), 20, 9, p.light, 0.5) + "</g>"
                # the fold: a soft dark line with a lit edge above
                + s.line([(x, y - 4.5) for x, y in crease[2:-2]], p.light, 3, 0.28, 2)
                + s.line(crease[1:-1], p.deep, 4.6, 0.5, 2)
                + s.blurred(f'<path d="{d(taper(crease[2:-1], 2.6, 0.2, 0.3, 14))}" fill="{p.dark}" fill-opacity="{p.crease_force}"/>', 0.6))
    s.layer("lid", both(one))


def lashes(s, p):
    k = p.lash

    def hair(x, y, lx, ly, w, o):
        path = [(x, y), (x + lx * 0.40, y + ly * 0.62), (x + lx, y + ly)]
        return f'<path d="{d(taper(path, w, 1, 0.08, 5))}" fill="{p.lash_colour}" fill-opacity="{o:.2f}"/>'

    def upper(side):
        line = [(CX + side * x, y) for x, y in sample(p.eye_open, 60)]  # from inner to outer
        o = [s.blurred(f'<path d="{d(taper(line[2:], k["line"], 0.2, 0.8, 20))}" fill="{p.lash_colour}" fill-opacity="0.95"/>', 0.6),
             s.line(line[4:-3], p.lash_colour, k["line"] * 2, 0.28, 2)]
        if k["wing"]:
            x, y = line[-1]
            path = [line[-10], line[-4], (x + side * k["wing"] * 0.5, y - k["wing"] * 0.16), (x + side * k["wing"], y - k["wing"] * 0.5)]
            o.append(s.blurred(f'<path d="{d(taper(path, k["line"] * 0.9, 0.8, 0.04))}" fill="{p.lash_colour}" fill-opacity="0.85"/>', 0.5))
        for n in range(k["count"]):
            t = 0.10 + 0.90 * (n + 0.35 * math.sin(n * 9.1)) / (k["count"] - 1)
            i = max(0, min(59, round(t * 59)))
            x, y = line[i]
            ln = k["length"] * (0.34 + 0.66 * min(1, t * 1.3)) * (0.82 + 0.3 * math.sin(n * 5.3) ** 2)
            lean = side * (-0.18 + 1.05 * t ** 1.3) * ln
            o.append(hair(x, y + 0.5, lean, -ln * (0.86 - 0.34 * t), 1.7, 0.62))
        return "".join(o)

    def lower(side):
        line = [(CX + side * x, y) for x, y in sample(p.eye_low, 60)]
        o = [s.line([(x, y + 1.2) for x, y in line[5:-3]], "#e3a898", 2.6, 0.7, 0.8),
             s.line([(x, y - 1.0) for x, y in line[9:-10]], "#fff4ee", 0.9, 0.5, 0.6),
             s.line([(x, y + 3.4) for x, y in line[16:-2]], p.lash_colour, 1.8, 0.30, 1.1)]
        for n in range(k["lower_count"]):
            t = 0.38 + 0.60 * (n + 0.4 * math.sin(n * 7.7)) / max(1, k["lower_count"] - 1)
            i = max(0, min(59, round(t * 59)))
            x, y = line[i]
            ln = k["lower"] * (0.55 + 0.55 * math.sin(n * 3.9) ** 2)
            o.append(hair(x, y + 2.6, side * ln * (-0.1 + 0.7 * t), ln, 1.0, 0.32))
        return "".join(o)
    s.layer("lash_upper", both(upper))
    s.layer("lash_lower", both(lower))


def brows(s, p, rng):
    """Hair by hair along the brow's middle line, from the inner end out, over a soft shade."""
    def one(side):
        mid = [(CX + side * x, y) for x, y in sample(p.brow, 60)]
        body = taper(mid, p.brow_w * 0.86, 0.5, 0.1, 16)
        fade = s.linear(mid[0][0], 0, mid[-1][0], 0, [(0, p.brow_colour, 0.15), (0.22, p.brow_colour, 0.85), (0.7, p.brow_colour, 1), (1, p.brow_colour, 0.5)])
        o = [s.blurred(f'<path d="{d(body)}" fill="{fade}" fill-opacity="{p.brow_body}"/>', 2)]
        for n in range(p.brow_hairs):
            t = (n + rng.random()) / p.brow_hairs
            i = min(58, int(t * 59))
            (x, y), (x1, y1) = mid[i], mid[i + 1]
            ln = math.hypot(x1 - x, y1 - y)
            tx, ty = (x1 - x) / ln, (y1 - y) / ln
            nx, ny = (ty, -tx) if ty * 0 - tx * 1 < 0 else (-ty, tx)  # the normal that points up
            if ny > 0:
                nx, ny = -nx, -ny
            width = p.brow_w * (0.66 + 0.34 * min(1, t / 0.3)) * (1 - max(0, t - 0.5) / 0.5 * 0.82)
            across = rng.random() - 0.5                                # -0.5 lower edge, 0.5 upper edge
            lean = (1.25 - 1.5 * t) if t < 0.5 else (0.5 - 0.9 * (t - 0.5))  # inner hairs stand up, outer ones lie
            lean *= 0.75 - 0.75 * across
            hl = p.brow_w * (0.55 + 0.45 * rng.random()) * (1.1 - 0.35 * t)
            hx, hy = tx + nx * lean, ty + ny * lean
            hn = math.hypot(hx, hy)
            hx, hy = hx / hn, hy / hn
            bx, by = x + nx * width * across - hx * hl * 0.4, y + ny * width * across - hy * hl * 0.4
            path = [(bx, by), (bx + hx * hl * 0.5, by + hy * hl * 0.5), (bx + (hx * 0.8 + tx * 0.25) * hl, by + (hy * 0.8 + ty * 0.25) * hl)]
            o.append(f'<path d="{d(taper(path, 1.1 + 0.7 * rng.random(), 0.5, 0.1, 4))}" fill="{p.brow_colour}" '
                     f'fill-opacity="{(0.18 + 0.42 * rng.random()) * (0.55 + 0.45 * min(1, t * 4)):.2f}"/>')
        return "".join(o)
    return both(one)


# ---- mouth ----

def lips(s, p):
    top, line, low = (contour(v, 41) for v in (p.lip_top, p.lip_line, p.lip_low))
    left, right = line[0], line[-1]
    c = p.lip
    lt, ll = min(y for _, y in top), max(y for _, y in low)
    mid_y = line[20][1]
    up_area = top + [(x, y + 6) for x, y in line[::-1]]
    clip = s.clip(d([(x, y - 1.0) for x, y in top] + [(x, y + 9) for x, y in line[::-1]]))
    g = s.linear(0, lt, 0, mid_y + 2, [(0, mix(c["upper"], c["light"], 0.25), 1), (0.45, c["upper"], 1), (1, c["dark"], 1)])
    wrinkles = s.merge(
        s.line([(x, at(top, x) + 3), (CX + (x - CX) * 1.02, at(line, x))], c["dark"], 0.9, 0.20, 0.5) for x in
        [left[0] + 16 + k * (right[0] - left[0] - 32) / 16 for k in range(17)])
    s.layer("lip_upper",
            s.blurred(f'<path d="{d(up_area)}" fill="{g}"/>', 0.9) + f"<g {clip}>",
            s.soft([(x, y - 2) for x, y in line[2:-2]] + [(x, y + 12) for x, y in line[-3:1:-1]], c["dark"], 0.6, 2.6),
            s.spot(CX - 16, lt + 6, 22, 6, c["light"], 0.55, -14), s.spot(CX + 16, lt + 6, 22, 6, c["light"], 0.32, 14),
            s.spot(left[0] + 6, left[1], 22, 12, c["dark"], 0.45), s.spot(right[0] - 6, right[1], 22, 12, c["dark"], 0.55),
            wrinkles, "</g>",
            s.spot(left[0] - 2, left[1] + 0.5, 11, 8, p.dark, 0.5), s.spot(right[0] + 2, right[1] + 0.5, 11, 8, p.dark, 0.55),
            s.spot(left[0] - 7, left[1] + 1, 15, 13, p.deep, 0.3), s.spot(right[0] + 7, right[1] + 1, 15, 13, p.deep, 0.36))
    low_area = [(x, y - 6) for x, y in line] + low[::-1]
    clip = s.clip(d([(x, y - 9) for x, y in line] + [(x, y + 1.0) for x, y in low[::-1]]))
    g = s.linear(0, mid_y, 0, ll, [(0, mix(c["lower"], c["dark"], 0.35), 1), (0.3, c["lower"], 1), (0.7, c["lower"], 1),
                                   (1, mix(c["lower"], c["dark"], 0.55), 1)])
    wrinkles = s.merge(
        s.line([(x, at(line, x) + 1), (CX + (x - CX) * 0.97, at(low, x) - 4)], c["dark"], 0.9, 0.16, 0.5) for x in
        [left[0] + 20 + k * (right[0] - left[0] - 40) / 18 for k in range(19)])
    s.layer("lip_lower",
            s.blurred(f'<path d="{d(low_area)}" fill="{g}"/>', 0.9) + f"<g {clip}>",
            s.soft([(x, y + 2) for x, y in low[3:-3]] + [(x, y - 5) for x, y in low[-4:2:-1]], c["dark"], 0.40, 3),
            s.spot(left[0] + 6, left[1] + 3, 24, 12, c["dark"], 0.5), s.spot(right[0] - 6, right[1] + 3, 26, 12, c["dark"], 0.6),
            s.spot(CX - 4, (mid_y + ll) / 2 - 1, 40, (ll - mid_y) * 0.42, c["light"], 0.62),
            s.spot(CX - 15, (mid_y + ll) / 2 - 2, 17, (ll - mid_y) * 0.22, c["gloss"], 0.75),
            s.spot(CX + 13, (mid_y + ll) / 2 - 1, 11, (ll - mid_y) * 0.16, c["gloss"], 0.45),
            wrinkles, "</g>")


def inside(s, p):
    """Teeth and tongue, as they stand when the mouth is closed; the engine lets the lower ones drop."""
    line = contour(p.lip_line, 41)
    y = line[20][1]
    half = (line[-1][0] - line[0][0]) / 2
    k = half / 66

    def row(widths, heights, y0, bend, tone, gap):
        """One band of teeth with a gently scalloped edge and soft seams; y0 is the root's side, heights point to the edge."""
        edge, seams, x = [], [], 0.0
        for w, h in zip(widths, heights):
            rise = lambda v: bend * (v / half) ** 2
            r = 0.9 if h > 0 else -0.9
            edge += [(x + 0.5, y0 + h - r * 0.8 + rise(x)), (x + w * 0.22, y0 + h + rise(x)), (x + w * 0.78, y0 + h + rise(x + w)),
                     (x + w - 0.5, y0 + h - r * 0.8 + rise(x + w))]
            x += w
            seams.append((x, y0 + rise(x), y0 + h * 0.96 + rise(x)))
        seams = [(0, y0, y0 + heights[0] * 0.96)] + seams[:-1]
        outline = [(CX - ex, ey) for ex, ey in edge[::-1]] + [(CX + ex, ey) for ex, ey in edge]
        path = f"M{f(CX - x)} {f(y0)}" + "".join(f"L{f(px)} {f(py)}" for px, py in outline) + f"L{f(CX + x)} {f(y0)}Z"
        g = s.linear(CX - x, 0, CX + x, 0, [(0, mix(tone, gap, 0.75), 1), (0.16, mix(tone, gap, 0.35), 1), (0.34, tone, 1), (0.62, tone, 1),
                                            (0.84, mix(tone, gap, 0.4), 1), (1, mix(tone, gap, 0.8), 1)])
        o = [s.blurred(f'<path d="{path}" fill="{g}"/>', 0.35)]
        for sx_, ya, yb in seams:
            for side in ((-1, 1) if sx_ else (1,)):
                o.append(s.line([(CX + side * sx_, ya), (CX + side * sx_, (ya + yb) / 2), (CX + side * sx_, yb)], gap, 0.8, 0.34, 0.35))
        return s.merge(o), x, path

    teeth, reach, path = row([w * k for w in (9.4, 7.4, 8.2, 7.6, 7.4, 6.5)], [32, 31.2, 31.8, 30.4, 29.2, 28], y - 27, -5, "#f6efe6", "#9c7263")
    clip = s.clip(path)
    s.layer("teeth_upper", teeth, f"<g {clip}>", s.spot(CX - 9, y - 4, 30, 9, "#ffffff", 0.6),
            s.soft([(CX - reach, y - 40), (CX + reach, y - 40), (CX + reach, y - 12), (CX, y - 9), (CX - reach, y - 12)], "#7b453b", 0.32, 4), "</g>")
    teeth, reach, path = row([w * k for w in (5.8, 6.2, 7.0, 6.8, 6.6, 6)], [-26, -26, -26.6, -26, -25, -24], y + 30, 3.5, "#e3d8cc", "#8a5f52")
    clip = s.clip(path)
    s.layer("teeth_lower", teeth, f"<g {clip}>",
            s.soft([(CX - reach, y + 12), (CX, y + 16), (CX + reach, y + 12), (CX + reach, y + 40), (CX - reach, y + 40)], "#5a2a24", 0.6, 5), "</g>")
    tongue = [(CX - half * 0.70, y + 46), (CX - half * 0.62, y + 17), (CX - half * 0.34, y + 7), (CX, y + 9), (CX + half * 0.34, y + 7),
              (CX + half * 0.62, y + 17), (CX + half * 0.70, y + 46), (CX, y + 58)]
    g = s.linear(0, y + 4, 0, y + 40, [(0, "#8f4341", 1), (0.35, "#bd6a66", 1), (1, "#a04b4b", 1)])
    s.layer("tongue", s.blurred(f'<path d="{d(tongue)}" fill="{g}"/>', 1.5), s.line([(CX, y + 12), (CX + 1, y + 26), (CX, y + 44)], "#7d3234", 3, 0.5, 2),
            s.spot(CX - 16, y + 18, 20, 8, "#eeb0a8", 0.6), s.spot(CX + 16, y + 18, 18, 7, "#eeb0a8", 0.4))


# ---- the rig ----

def pairs(points):
    return "[" + ", ".join(f"{x:.1f}, {y:.1f}" for x, y in points) + "]"


def rig(p):
    out = [f"# The rig of {p.name_en}. Written by avatars/draw/draw.py together with the drawing; docs/avatar.md explains it.",
           f"name: {{en: {p.name_en}, zh: {p.name_zh}}}", f"gender: {p.gender}",
           f"detail: {{en: \"{p.detail_en}\", zh: \"{p.detail_zh}\"}}", "drawing: character.svg", "frame: [%g, %g, %g]" % p.frame,
           "head:"]
    for k, v in p.head_rig.items():
        out.append(f"  {k}: {v if not isinstance(v, tuple) else '[%g, %g]' % v}")
    out += ["layers:", "  base: [" + ", ".join(p.base) + "]"]
    for k in ("eyeball", "iris", "shine", "lid", "lash_upper", "lash_lower", "tongue", "teeth_lower", "teeth_upper", "lip_upper", "lip_lower"):
        out.append(f"  {k}: {k}")
    out.append("eyes:")
    for name, side in (("left", -1), ("right", 1)):
        e = eye_sides(p, side)
        xs = [x for x, _ in e["open"]]
        top = min(y for _, y in e["crease"]) - 16
        bottom = max(max(y for _, y in e["low"]), max(y for _, y in e["closed"])) + 20
        b = p.brow
        bx = (b[0][0] + b[-1][0]) / 2
        by = sum(y for _, y in b) / len(b)
        out += [f"  {name}:", f"    box: [{min(xs) - 26:.0f}, {top:.0f}, {max(xs) - min(xs) + 52:.0f}, {bottom - top:.0f}]",
                f"    iris: [{sx(side, p.iris[0]):.1f}, {p.iris[1]:.1f}, {p.iris[2]:.1f}]",
                f"    brow: [{sx(side, bx):.1f}, {by:.1f}, {abs(b[-1][0] - b[0][0]) / 2:.1f}]"]
        out += [f"    {k}: {pairs(v)}" for k, v in e.items()]
    top, line, low = (contour(v, 41) for v in (p.lip_top, p.lip_line, p.lip_low))
    x0, x1 = line[0][0] - 34, line[-1][0] + 34
    y0 = min(y for _, y in top) - 26
    y1 = max(y for _, y in low) + p.mouth_open * 1.05 + 16
    out += ["mouth:", f"  box: [{x0:.0f}, {y0:.0f}, {x1 - x0:.0f}, {y1 - y0:.0f}]", f"  top: {pairs(top)}", f"  line: {pairs(line)}",
            f"  low: {pairs(low)}", f"  open: {p.mouth_open}", f"  dark: \"{p.lip['inside']}\"", f"  deep: \"{p.lip['deep']}\"",
            f"  seam: \"{p.lip['seam']}\""]
    return "\n".join(out) + "\n"
