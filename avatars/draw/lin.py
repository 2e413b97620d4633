"""Lin: a woman of about thirty, long dark hair, cream blouse and navy jacket."""
import random

import face
from pen import Svg, d, mirror, mix, sample, strands, taper

CX = 512


class Lin:
    id = "lin"
    name_en, name_zh, gender = "Lin", "林", "female"
    detail_en, detail_zh = "Young woman, long dark hair, navy jacket", "年轻女性，深色长发，藏青外套"
    backdrop = ("#eef1f3", "#d3dade", "#9fabb5")
    skin, light, shade, deep, dark, blush = "#f4cfb8", "#ffeee2", "#e0a88c", "#b5745a", "#6e3526", "#ec8f7d"
    blush_force, hollow, bags, fold = 0.42, 0.20, 0.13, 0.14
    chin, eye_y, nose_y, nose_w = 690, 421, 537, 35
    neck_width = 88
    ear = (186, 372, 500)
    # right half of the face from the top of the forehead down to the chin
    face = [(CX, 150), (CX + 90, 164), (CX + 155, 220), (CX + 186, 310), (CX + 191, 400), (CX + 187, 460), (CX + 176, 522), (CX + 155, 580),
            (CX + 118, 634), (CX + 74, 670), (CX + 36, 687), (CX, 691)]
    # one eye, from the inner corner out: x from the middle of the face
    eye_open = [(47, 430), (54, 420), (66, 408), (84, 400), (104, 401), (122, 408), (137, 419)]
    eye_low = [(47, 430), (58, 435), (76, 439.5), (96, 440), (114, 436), (128, 428), (137, 419)]
    eye_closed = [(47, 430), (58, 435), (76, 440.5), (96, 442), (114, 439), (128, 431), (137, 420)]
    eye_crease = [(44, 427), (52, 413), (65, 399), (84, 390), (106, 391), (126, 398), (143, 412)]
    iris = (91, 419, 20.5)
    iris_colours = ("#a8713f", "#6a3f22", "#24120b")
    sclera = ("#f7f0ec", "#e6d6ce", "#b99d92")
    lash = {"line": 4.6, "wing": 11, "every": 2, "length": 14, "lower": 5}
    lash_colour = "#1c100d"
    lid_tint, lid_force, crease_force = "#b06a58", 0.5, 0.62
    brow = [(40, 383), (66, 374), (94, 366), (120, 363), (142, 369), (158, 378)]
    brow_w, brow_hairs, brow_colour, brow_body = 13, 130, "#3a241c", 0.62
    lip_top = [(446, 587.5), (466, 583), (484, 576), (500, 572), (512, 575), (524, 572), (540, 576), (558, 583), (578, 587.5)]
    lip_line = [(446, 587.5), (466, 590), (486, 590.5), (500, 591), (512, 593), (524, 591), (538, 590.5), (558, 590), (578, 587.5)]
    lip_low = [(446, 587.5), (462, 599), (482, 609.5), (500, 614.5), (512, 615), (524, 614.5), (542, 609.5), (562, 599), (578, 587.5)]
    lip = {"upper": "#bf6460", "lower": "#d17a73", "light": "#f0aaa0", "gloss": "#ffe2da", "dark": "#87403d", "inside": "#6b2a2a", "deep": "#260b0c",
           "seam": "#5a2220"}
    mouth_open = 56
    head_rig = {"center": (512.0, 420.0), "radius": (270.0, 330.0), "face": (512.0, 470.0), "face_radius": (192.0, 230.0),
                "pivot": (512.0, 800.0), "chin": 690, "neck": 850, "chest": 960, "liveliness": 1}
    base = ["background", "hair_back", "body", "head", "hair_front"]
    hair = {"dark": "#1b110f", "mid": "#33211c", "light": "#5c4035", "shine": "#a07c66"}

    def extra_skin(self, s):
        """The hair's shadow on forehead and temples."""
        return [s.soft([(300, 140), (724, 140), (724, 420), (694, 420), (676, 320), (630, 262), (570, 226), (541, 212), (500, 236), (430, 286),
                        (370, 350), (336, 440), (300, 440)], self.deep, 0.50, 11)]

    # ---- hair ----

    def hair_back(self, s, rng):
        h = self.hair
        left = [(512, 112), (400, 124), (310, 190), (268, 300), (256, 430), (248, 560), (232, 690), (226, 800), (246, 884), (292, 924), (350, 930)]
        right = mirror(left)[::-1]
        g = s.linear(0, 100, 0, 930, [(0, h["mid"], 1), (0.4, h["dark"], 1), (0.8, h["mid"], 1), (1, h["dark"], 1)])
        inner = s.soft([(400, 560), (624, 560), (640, 760), (600, 860), (424, 860), (384, 760)], "#0a0605", 0.75, 22)
        out = [f'<path d="{d(left + right)}" fill="{g}"/>', inner]
        gl = s.linear(0, 540, 0, 930, [(0, h["light"], 0), (0.35, h["light"], 0.9), (0.75, h["light"], 0.35), (1, h["light"], 0.1)])
        for side in (-1, 1):
            def m(pts):
                return pts if side < 0 else mirror(pts)
            a = m([(262, 400), (250, 560), (236, 700), (230, 800), (252, 886), (300, 926)])
            b = m([(392, 480), (388, 600), (380, 720), (376, 800), (374, 870), (372, 922)])
            out.append(strands(rng, a, b, 90, [h["dark"], h["mid"], h["light"], gl, gl], (2, 6), (0.25, 0.6), 8))
        s.layer("hair_back", *out)

    def hair_front(self, s, rng):
        h = self.hair
        part = (545, 138)
        out = []
        # each side: outer edge (over the crown, down outside) and inner edge (along the face)
        lo = [part, (480, 108), (390, 124), (312, 190), (272, 290), (258, 420), (250, 560), (236, 700), (232, 800), (256, 880)]
        li = [(548, 168), (520, 206), (456, 252), (392, 312), (350, 384), (334, 460), (336, 540), (346, 620), (350, 720), (336, 850)]
        ro = [part, (600, 112), (664, 132), (722, 196), (756, 300), (768, 430), (776, 560), (790, 700), (794, 800), (768, 884)]
        ri = [(548, 168), (568, 206), (612, 246), (650, 308), (676, 384), (690, 460), (690, 540), (682, 620), (680, 720), (694, 850)]
        for side, o, i in ((-1, lo, li), (1, ro, ri)):
            shape = sample(o, 40) + sample(i, 40)[::-1]
            x0, x1 = (240, 540) if side < 0 else (790, 545)
            g = s.linear(x0, 0, x1, 0, [(0, h["dark"], 1), (0.3, h["mid"], 1), (0.65, mix(h["mid"], h["dark"], 0.4), 1), (1, h["dark"], 1)])
            # shadow that the hair throws on the cheek is painted on the skin; here its own body
            out.append(f'<path d="{d(shape)}" fill="{g}"/>')
            clip = s.clip(d(shape))
            band = s.linear(0, 150, 0, 900, [(0, h["shine"], 0), (0.06, h["shine"], 0.15), (0.16, h["shine"], 0.95), (0.27, h["shine"], 0.1),
                                             (0.5, h["shine"], 0.05), (0.64, h["shine"], 0.5), (0.8, h["shine"], 0.05), (1, h["shine"], 0)])
            body = s.linear(0, 120, 0, 900, [(0, h["light"], 0.2), (0.2, h["light"], 1), (0.4, h["light"], 0.4), (0.65, h["light"], 0.9), (1, h["light"], 0.2)])
            deep = s.linear(0, 120, 0, 900, [(0, h["dark"], 1), (1, h["dark"], 1)])
            k = 1 if side < 0 else 0.7
            out.append(f"<g {clip}>")
            out.append(strands(rng, o, i, 60, [deep], (4, 13), (0.25, 0.55), 5))
            out.append(strands(rng, o, i, 130, [body, body, h["mid"]], (1.5, 5), (0.25 * k, 0.6 * k), 6))
            out.append(strands(rng, o, i, 80, [band], (1.5, 6), (0.3 * k, 0.75 * k), 5, spread=(0.08, 0.8)))
            # the inner edge turns away from the light
            edge = [(x + (7 if side < 0 else -7) * -1, y) for x, y in sample(i, 30)]
            out.append(s.line(sample(i, 30), h["dark"], 20, 0.55, 7))
            out.append("</g>")
            # loose hairs outside
            out.append(strands(rng, [(x + side * 5, y) for x, y in o], [(x - side * 20, y) for x, y in o], 16, [h["mid"], h["dark"]], (0.8, 1.8),
                               (0.3, 0.6), 10))
            out.append(strands(rng, [(x - side * 3, y) for x, y in i], [(x + side * 16, y) for x, y in i], 22, [h["dark"], h["mid"]], (1, 2.6), (0.5, 0.9), 6))
        out.append(s.line([(546, 134), (548, 150), (549, 172)], "#0c0706", 3, 0.5, 1.5))
        s.layer("hair_front", *out)

    # ---- clothes ----

    def body(self, s, rng):
        out = [face.neck(s, self)]
        blouse = [(352, 868), (378, 880), (430, 920), (480, 975), (516, 1040), (552, 975), (598, 920), (648, 880), (676, 868), (760, 1120), (264, 1120)]
        g = s.linear(380, 860, 640, 1080, [(0, "#fbf6ee", 1), (0.6, "#efe5d8", 1), (1, "#d8c9b8", 1)])
        # shadow of the blouse on the skin
        out.append(s.soft([(366, 862), (430, 908), (484, 962), (516, 1024), (550, 962), (600, 908), (664, 862), (690, 900), (516, 1080), (340, 900)],
                          self.deep, 0.45, 6))
        out.append(f'<path d="M352 862L384 878C430 908 486 968 514 1052C545 968 602 908 646 878L676 862L780 1120L250 1120Z" fill="{g}"/>')
        for side in (-1, 1):
            def m(pts):
                return pts if side < 0 else mirror(pts, 514)
            out.append(s.line(m([(376, 876), (430, 914), (484, 974), (512, 1046)]), "#ffffff", 4, 0.8, 1))
            out.append(s.soft(m([(360, 900), (420, 950), (470, 1030), (440, 1030), (390, 960)]), "#c9b7a2", 0.6, 7))
            out.append(s.soft(m([(340, 920), (380, 990), (410, 1060), (380, 1060), (350, 990)]), "#b7a48f", 0.5, 8))
        # jacket
        navy, hi, lo = "#2b3a55", "#4a5d80", "#172034"
        for side in (-1, 1):
            def m(pts):
                return pts if side < 0 else mirror(pts, 513)
            coat = m([(398, 838), (360, 846), (296, 868), (206, 900), (120, 948), (66, 1030), (30, 1180), (470, 1180), (478, 1080), (452, 1000), (412, 940), (376, 884)])
            g = s.linear(*( (120, 880, 460, 1080) if side < 0 else (906, 880, 560, 1080)),
                         [(0, hi if side < 0 else navy, 1), (0.45, navy, 1), (1, lo, 1)])
            clip = s.clip(d(coat))
            out.append(s.soft([(x + (8 if side < 0 else -4), y + 6) for x, y in coat], "#0b0f1a", 0.35, 7))
            out.append(f'<path d="{d(coat)}" fill="{g}"/><g {clip}>')
            out.append(s.soft(m([(190, 905), (250, 960), (262, 1060), (230, 1080), (180, 1000)]), lo, 0.55, 14))
            out.append(s.soft(m([(110, 955), (170, 1010), (190, 1090), (150, 1090), (100, 1020)]), hi, 0.45, 14))
            out.append(s.soft(m([(230, 890), (320, 868), (392, 850), (370, 884), (290, 900)]), hi, 0.5, 9))
            out.append(s.line(m([(176, 930), (206, 1000), (214, 1090)]), lo, 5, 0.7, 3))
            out.append("</g>")
            lapel = m([(396, 840), (376, 852), (352, 872), (330, 930), (302, 962), (350, 982), (338, 1010), (400, 1090), (466, 1180), (480, 1090), (452, 1000),
                       (414, 938), (384, 884)])
            lp = "M" + "L".join(f"{x} {y}" for x, y in lapel) + "Z"
            g = s.linear(*((310, 880, 470, 1060) if side < 0 else (716, 880, 556, 1060)), [(0, mix(navy, hi, 0.7 if side < 0 else 0.25), 1), (1, mix(navy, lo, 0.4), 1)])
            out.append(f'<path d="{lp}" fill="#0b0f1a" opacity="0.5" transform="translate(-3 6)" {s.blur(5)}/>')
            out.append(f'<path d="{lp}" fill="{g}" stroke="{lo}" stroke-width="1.2" stroke-linejoin="round"/>')
            out.append(s.line(m([(384, 884), (414, 938), (452, 1000), (480, 1090)]), hi, 2.4, 0.7, 0.8))
            out.append(s.line(m([(302, 962), (350, 982)]), lo, 2.4, 0.9, 0.7))
        # fine necklace
        out.append(s.line([(432, 846), (446, 880), (480, 914), (512, 926), (546, 914), (580, 880), (592, 846)], "#8a5a30", 2.6, 0.35, 1.4))
        out.append(s.line([(432, 844), (446, 878), (480, 911), (512, 923), (546, 911), (580, 878), (592, 844)], "#e6c58a", 1.7, 0.95))
        out.append('<circle cx="512" cy="929" r="5.2" fill="#d9b06a"/><circle cx="510.6" cy="927.4" r="2" fill="#fff6df"/>')
        s.layer("body", *out)

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
