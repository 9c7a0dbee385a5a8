"""Relations as a network: circles, the persons who matter in them, households, and what ties are worth.

- `network`: `Network`, ties between members, made from two columns;
- `circles`: `Circles`, who belongs together (Leiden; needs the extra `graph`);
- `roles`: core, reach and bridge: who matters in a circle and between circles;
- `ties`: households, what a member's referrals may bring, and a rival's customers among ours.
"""
