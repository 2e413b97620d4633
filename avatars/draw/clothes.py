"""Jacket and shirt. Given for the viewer's left half (coat, lapel, flap of the collar) and mirrored."""
import face
from pen import d, f, mirror, mix

MID = 514


def coat_outline(p):
    """Path of both halves of the jacket, where they stand in the picture."""
    up = [(x, y - p.raised) for x, y in p.coat]
    return d(up) + d(mirror(up, MID))


def sides(draw):
    return "".join(draw(side, (lambda pts: pts) if side < 0 else (lambda pts: mirror(pts, MID))) for side in (-1, 1))


def polygon(points):
    return "M" + "L".join(f"{f(x)} {f(y)}" for x, y in points) + "Z"


def across(s, side, x0, y0, x1, y1, stops):
    """A gradient given for the left half."""
    return s.linear(x0, y0, x1, y1, stops) if side < 0 else s.linear(2 * MID - x0, y0, 2 * MID - x1, y1, stops)


def shirt(s, p):
    lit, plain, shaded, fold = p.shirt
    x0, x1 = p.flap[0][0] - 8, 2 * MID - p.flap[0][0] + 8
    v = p.flap[6][1] + 2                                       # where the collar's halves meet
    g = s.linear(x0, 850, x1, 1080, [(0, lit, 1), (0.55, plain, 1), (1, shaded, 1)])
    out = [s.soft([(x0 - 6, 842), (MID - 78, 890), (MID - 44, v - 52), (MID, v + 8), (MID + 44, v - 52), (MID + 78, 890), (x1 + 6, 842), (x1 + 30, 900),
                   (MID, v + 68), (x0 - 30, 900)], p.deep, 0.5, 6),
           f'<path d="M{f(x0)} 838C{f(x0 + 16)} 880 {f(MID - 62)} {f(v - 72)} {MID} {f(v)}C{f(MID + 62)} {f(v - 72)} {f(x1 - 16)} 880 {f(x1)} 838L800 1200L220 1200Z" fill="{g}"/>',
           s.line([(MID, v), (MID + 1, v + 50), (MID, 1180)], fold, 2.4, 0.8, 0.7),
           s.soft([(MID - 9, v + 8), (MID - 14, v + 70), (MID - 16, 1180), (MID + 16, 1180), (MID + 10, v + 70)], fold, 0.35, 5)]

    def half(side, m):
        flap = polygon(m(p.flap))
        ax, ay = p.flap[2]
        bx, by = p.flap[6]
        g = across(s, side, ax, ay - 30, bx, by, [(0, lit if side < 0 else mix(lit, plain, 0.6), 1), (1, plain if side < 0 else mix(plain, shaded, 0.7), 1)])
        inner = [(x + 6, y) for x, y in p.flap[1:4]]
        return (s.blurred(f'<path d="{flap}" fill="{mix(fold, "#000000", 0.35)}" fill-opacity="0.5" transform="translate({2 if side < 0 else 4} 6)"/>', 4)
                + f'<path d="{flap}" fill="{g}" stroke="{shaded}" stroke-width="1" stroke-linejoin="round"/>'
                + s.soft(m([(ax + 4, ay - 30), (ax + 12, ay + 20), (ax + 40, ay + 80), (ax + 24, ay + 70), (ax + 4, ay + 20)]), fold, 0.45, 5)
                + s.line(m([p.flap[9], p.flap[8], p.flap[7], p.flap[6]]), fold, 1.6, 0.5, 0.8)
                + s.soft(m([(430, v + 10), (470, v + 40), (486, v + 110), (450, v + 110)]), fold, 0.4, 8) + (s.line(m(inner), lit, 2, 0.6, 1)))
    return "".join(out) + sides(half)


def jacket(s, p):
    hi, mid, lo = p.jacket
    dark = mix(lo, "#000000", 0.5)

    def half(side, m):
        coat = m(p.coat)
        clip = s.clip(d(coat))
        g = across(s, side, 120, 880, 460, 1080, [(0, hi if side < 0 else mix(mid, hi, 0.25), 1), (0.45, mid, 1), (1, lo, 1)])
        folds = [
               s.soft(m([(190, 905), (250, 960), (262, 1060), (230, 1080), (180, 1000)]), lo, 0.55, 14),
               s.soft(m([(110, 955), (170, 1010), (190, 1090), (150, 1090), (100, 1020)]), hi, 0.45 if side < 0 else 0.25, 14),
               s.soft(m([(230, 890), (320, 862), (392, 836), (370, 870), (290, 896)]), hi, 0.5 if side < 0 else 0.3, 9),
               s.soft(m([(270, 940), (310, 1000), (330, 1080), (300, 1090), (262, 1000)]), lo, 0.4, 12),
               s.line(m([(176, 930), (206, 1000), (214, 1090)]), lo, 5, 0.7, 3)]
        out = [f'<path d="{d(coat)}" fill="{g}"/><g {clip}>' + s.merge(folds) + "</g>"]
        lapel = polygon(m(p.lapel))
        n = next(i for i, (x, y) in enumerate(p.lapel) if x == min(q[0] for q in p.lapel))  # the notch's outer point
        g = across(s, side, 330, 880, 470, 1060, [(0, mix(mid, hi, 0.7 if side < 0 else 0.3), 1), (1, mix(mid, lo, 0.4), 1)])
        out += [s.blurred(f'<path d="{lapel}" fill="{dark}" fill-opacity="0.5" transform="translate(-3 6)"/>', 5),
                f'<path d="{lapel}" fill="{g}" stroke="{lo}" stroke-width="1.2" stroke-linejoin="round"/>',
                s.line(m(p.lapel[:-7:-1]), hi, 2.4, 0.6, 0.9),
                s.line(m([p.lapel[n], p.lapel[n + 1]]), dark, 2.4, 0.9, 0.7)]
        return "".join(out)
    return [half(side, (lambda pts: pts) if side < 0 else (lambda pts: mirror(pts, MID))) for side in (-1, 1)]


def layers(s, p, jewels=""):
    """Neck, shirt and the halves of the jacket: a layer each, because what a layer costs grows with the box around it."""
    left, right = jacket(s, p)
    for name, content in (("neck", face.neck(s, p)), ("shirt", shirt(s, p)), ("jacket_left", left), ("jacket_right", right + jewels)):
        s.layer(name, f'<g transform="translate(0 {-p.raised})">', content, "</g>")
