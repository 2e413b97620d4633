"""Lin: a woman of about thirty, long dark hair, cream blouse and navy jacket."""
import random

import clothes
import face
from pen import Svg, d, mirror, mix, sample, strands, taper

CX = 512


class Lin:
    id = "lin"
    name_en, name_zh, gender = "Lin", "林", "female"
    detail_en, detail_zh = "Young woman, long dark hair, navy jacket", "年轻女性，深色长发，藏青外套"
    backdrop = ("#eef1f3", "#d3dade", "#9fabb5")
    skin, light, shade, deep, dark, blush = "#f4cfb8", "#ffeee2", "#e0a88c", "#b5745a", "#6e3526", "#ec8f7d"
    blush_force, hollow, bags, fold = 0.33, 0.20, 0.13, 0.14
    chin, eye_y, nose_y, nose_w = 690, 421, 537, 35
    frame = (32, 40, 960)
    neck_width, raised = 86, 30  # the body is drawn lower and raised by this
    ear = (186, 372, 500)
    # right half of the face from the top of the forehead down to the chin
    face = [(CX, 150), (CX + 90, 164), (CX + 155, 220), (CX + 186, 310), (CX + 191, 400), (CX + 187, 455), (CX + 176, 516), (CX + 153, 574),
            (CX + 113, 630), (CX + 66, 671), (CX + 30, 689), (CX, 694)]
    # one eye, from the inner corner out: x from the middle of the face
    eye_open = [(46, 430), (53, 421), (65, 410.5), (82, 403.5), (102, 403.5), (121, 409), (138, 419)]
    eye_low = [(46, 430), (57, 433.5), (75, 437), (95, 437.5), (114, 434), (128, 427.5), (138, 419)]
    eye_closed = [(46, 430), (57, 434.5), (75, 438.5), (95, 440), (114, 437.5), (128, 430.5), (138, 420)]
    eye_crease = [(43, 427), (50, 415), (63, 402), (82, 393.5), (104, 393), (125, 399), (145, 412)]
    iris = (92, 418.5, 19.8)
    iris_colours = ("#a8713f", "#6a3f22", "#24120b")
    sclera = ("#f3ebe7", "#e3d3cb", "#b3968b")
    lash = {"line": 4.4, "wing": 10, "count": 24, "length": 11, "lower": 5, "lower_count": 12}
    lash_colour = "#1c100d"
    lid_tint, lid_force, crease_force = "#b06a58", 0.5, 0.62
    brow = [(44, 375), (68, 370), (96, 364), (122, 361.5), (144, 367), (160, 377)]
    brow_w, brow_hairs, brow_colour, brow_body = 14, 210, "#38231b", 0.72
    lip_top = [(446, 585.5), (466, 581.5), (484, 576), (500, 572), (512, 575), (524, 572), (540, 576), (558, 581.5), (578, 585.5)]
    lip_line = [(446, 585.5), (466, 588.5), (486, 590.5), (500, 591), (512, 593), (524, 591), (538, 590.5), (558, 588.5), (578, 585.5)]
    lip_low = [(446, 585.5), (461, 598.5), (480, 610.5), (498, 615), (512, 615.6), (526, 615), (544, 610.5), (563, 598.5), (578, 585.5)]
    lip = {"upper": "#bf6460", "lower": "#d17a73", "light": "#f0aaa0", "gloss": "#ffe2da", "dark": "#87403d", "inside": "#6b2a2a", "deep": "#260b0c",
           "seam": "#5a2220"}
    mouth_open = 52
    head_rig = {"center": (512.0, 420.0), "radius": (270.0, 330.0), "face": (512.0, 470.0), "face_radius": (192.0, 230.0),
                "pivot": (512.0, 800.0), "chin": 690, "neck": 850, "chest": 960, "liveliness": 1}
    base = ["background", "hair_back", "neck", "shirt", "jacket_left", "jacket_right", "head", "hair_front"]
    hair = {"dark": "#1b110f", "mid": "#33211c", "light": "#5c4035", "shine": "#a07c66"}

    def extra_skin(self, s):
        """The hair's shadow on forehead and temples."""
        return [s.soft([(300, 130), (730, 130), (730, 420), (702, 440), (686, 372), (660, 300), (624, 240), (588, 206), (560, 232), (500, 266), (438, 308),
                        (390, 368), (354, 440), (338, 520), (300, 520)], self.deep, 0.52, 10)]

    # ---- hair ----

    def hair_back(self, s, rng):
        h = self.hair
        left = [(512, 112), (400, 128), (318, 200), (282, 300), (272, 430), (268, 560), (262, 690), (270, 800), (310, 880), (400, 900)]
        right = mirror(left)[::-1]
        g = s.linear(0, 100, 0, 900, [(0, h["mid"], 1), (0.4, h["dark"], 1), (1, h["dark"], 1)])
        out = [f'<path d="{d(left + right)}" fill="{g}"/>']
        gl = s.linear(0, 540, 0, 930, [(0, h["light"], 0), (0.35, h["light"], 0.7), (0.75, h["light"], 0.3), (1, h["light"], 0.1)])
        for side in (-1, 1):
            def m(pts):
                return pts if side < 0 else mirror(pts)
            a = m([(330, 480), (330, 600), (330, 720), (335, 800), (350, 880)])
            b = m([(420, 560), (412, 640), (404, 720), (400, 800), (404, 880)])
            out.append(strands(rng, a, b, 40, [h["mid"], gl], (2, 6), (0.2, 0.5), 8))
        out.append(s.soft([(400, 560), (624, 560), (650, 760), (600, 870), (424, 870), (374, 760)], "#0a0605", 0.8, 20))
        s.layer("hair_back", *out)

    # each side of the parting: outer edge over the crown and down, inner edge along the face
    left_outer = [(586, 116), (520, 100), (430, 108), (344, 158), (290, 250), (268, 360), (262, 460), (250, 560), (244, 650), (254, 740), (268, 820),
                  (264, 900), (256, 980), (268, 1120)]
    left_inner = [(588, 162), (566, 192), (516, 226), (452, 266), (398, 322), (360, 388), (339, 460), (330, 530), (336, 600), (352, 670), (360, 750),
                  (352, 840), (344, 920), (356, 1000), (372, 1120)]
    right_outer = [(586, 116), (624, 108), (672, 128), (722, 180), (748, 264), (760, 360), (764, 460), (774, 560), (780, 650), (770, 740), (756, 820),
                   (760, 900), (770, 980), (756, 1120)]
    right_inner = [(588, 162), (604, 190), (634, 232), (664, 296), (684, 372), (693, 456), (697, 530), (691, 600), (674, 670), (664, 750), (672, 840),
                   (682, 920), (670, 1000), (652, 1120)]

    def hair_front(self, s, rng):
        h = self.hair
        shadows, masses, shapes, dark, lit, band, locks, edges = [], [], [], [], [], [], [], []
        for side, o, i in ((-1, self.left_outer, self.left_inner), (1, self.right_outer, self.right_inner)):
            shape = d(sample(o, 44) + sample(i, 44)[::-1])
            shapes.append(shape)
            # its shadow on the jacket, inwards only
            shadows.append(s.soft([(x - side * 14, y + 10) for x, y in sample(i, 44) if y > 760]
                                  + [(x + side * 10, y + 16) for x, y in sample(o, 44)[::-1] if y > 760], "#070a12", 0.5, 10))
            x0, x1 = (240, 540) if side < 0 else (790, 545)
            g = s.linear(x0, 0, x1, 0, [(0, h["dark"], 1), (0.3, h["mid"], 1), (0.65, mix(h["mid"], h["dark"], 0.4), 1), (1, h["dark"], 1)])
            masses.append(f'<path d="{shape}" fill="{g}"/>')
            k = 1 if side < 0 else 0.7
            dark.append(strands(rng, o, i, 60, [h["dark"]], (4, 14), (0.25, 0.6), 6))
            hairs = strands(rng, o, i, 120, [h["light"], h["light"], h["mid"]], (1.5, 5.5), (0.25 * k, 0.6 * k), 7).split("\n")
            dark += [e for e in hairs if h["mid"] in e]
            lit += [e for e in hairs if h["light"] in e]
            band.append(strands(rng, o, i, 80, [h["shine"]], (1.5, 6.5), (0.3 * k, 0.8 * k), 6, spread=(0.08, 0.8)))
            # locks: a few broad curves of light and dark that give the mass its relief
            a, b = sample(o, 24), sample(i, 24)
            for share, tone, w, op in ((0.22, h["dark"], 26, 0.5), (0.34, h["shine"], 18, 0.22 * k), (0.52, h["dark"], 30, 0.55), (0.64, h["shine"], 16, 0.20 * k),
                                       (0.8, h["dark"], 22, 0.5)):
                mid = [(p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share) for p, q in zip(a, b)]
                locks.append(s.soft(taper(mid[2:], w, 0.2, 0.3, 14), tone, op, 5))
            locks += [s.line(sample(i, 30), h["dark"], 22, 0.6, 7), s.line(sample(o, 30), h["dark"], 16, 0.45, 7)]
            edges.append(strands(rng, [(x + side * 2, y) for x, y in o], [(x - side * 24, y) for x, y in o], 12, [h["mid"], h["dark"]], (0.8, 1.8),
                                 (0.25, 0.5), 4))
            edges.append(strands(rng, [(x + side * 14, y) for x, y in i], [(x - side * 3, y) for x, y in i], 18, [h["dark"], h["mid"]], (1, 2.6), (0.5, 0.9), 3))
        # where along the head the light hairs and the shining ones show
        along = s.fade(120, 960, [(0, 0.2), (0.18, 1), (0.38, 0.4), (0.6, 0.9), (0.78, 0.3), (0.88, 0.7), (1, 0.2)], (220, 80, 810, 1140))
        ring = s.fade(140, 960, [(0, 0), (0.05, 0.15), (0.13, 0.95), (0.25, 0.1), (0.44, 0.05), (0.58, 0.5), (0.70, 0.06), (0.84, 0.4), (1, 0)], (220, 80, 810, 1140))
        s.layer("hair_front", f"<g {s.clip(clothes.coat_outline(self))}>", s.merge(shadows), "</g>", *masses, *dark,
                f"<g {along}>", *lit, "</g>", f"<g {ring}>", *band, "</g>", f"<g {s.clip(''.join(shapes))}>", s.merge(locks), "</g>", *edges,
                s.line([(586, 116), (588, 136), (588, 164)], "#0c0706", 3, 0.55, 1.6))

    # ---- clothes ----

    coat = [(424, 800), (392, 824), (350, 846), (290, 870), (206, 902), (120, 950), (66, 1030), (30, 1180), (470, 1180), (474, 1080), (446, 1000),
            (410, 930), (400, 870)]
    lapel = [(422, 801), (398, 822), (376, 846), (352, 900), (318, 956), (362, 974), (350, 1002), (404, 1090), (462, 1180), (476, 1090), (446, 1000),
             (412, 934), (400, 872), (408, 830)]
    flap = [(414, 812), (404, 838), (400, 880), (424, 936), (452, 978), (474, 962), (508, 990), (470, 938), (438, 890), (422, 846)]
    shirt = ("#fdf8f1", "#efe5d8", "#d3c3b1", "#b9a691")    # lit, plain, shaded, folds
    jacket = ("#4a5d80", "#2b3a55", "#172034")

    def body(self, s, rng):
        # fine necklace
        out = []
        out.append(s.line([(440, 846), (462, 880), (490, 904), (513, 911), (536, 904), (564, 880), (586, 846)], "#8a5a30", 2.6, 0.35, 1.4))
        out.append(s.line([(440, 844), (462, 878), (490, 901), (513, 908), (536, 901), (564, 878), (586, 844)], "#e6c58a", 1.6, 0.95))
        out.append('<circle cx="513" cy="913.5" r="4.6" fill="#d9b06a"/><circle cx="511.8" cy="912" r="1.8" fill="#fff6df"/>')
        clothes.layers(s, self, "".join(out))

    def draw(self):
        s, rng = Svg(), random.Random(7)
        face.background(s, self)
        self.hair_back(s, rng)
        self.body(s, rng)
        s.layer("head", face.head(s, self), face.brows(s, self, rng))
        self.hair_front(s, rng)
        for part in (face.eyeball, face.iris, face.shine, face.lids, face.lashes, face.lips, face.inside):
            part(s, self)
        return s.text(self.name_en), face.rig(self)
