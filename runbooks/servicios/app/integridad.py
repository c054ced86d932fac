"""Compara las tablas que hay con las que hacen falta; con --reparar devuelve su nombre a la que lo
perdió, si solo hay una que pueda ser."""

import sys

from modelo import Base, motor
from sqlalchemy import inspect, text

base = motor()
mira = inspect(base)
hay = {it: {c["name"] for c in mira.get_columns(it)} for it in mira.get_table_names()}
faltan = {n: {c.name for c in t.columns} for n, t in Base.metadata.tables.items() if n not in hay}
sobran = {n: c for n, c in hay.items() if n not in Base.metadata.tables and n != "alembic_version"}
for nombre in sorted(faltan):
    print("falta", nombre)
for nombre in sorted(sobran):
    print("sobra", nombre)
if "--reparar" in sys.argv:
    for nombre, columnas in faltan.items():
        candidatas = [n for n, c in sobran.items() if c == columnas]
        if len(candidatas) != 1:
            sys.exit(f"{nombre}: {len(candidatas)} tablas pueden ser ella; lo decide una persona")
        with base.begin() as hecho:
            hecho.execute(text(f'ALTER TABLE "{candidatas[0]}" RENAME TO "{nombre}"'))
        print("otra vez", nombre)
elif faltan:
    sys.exit(1)
else:
    print("todas las tablas están")
