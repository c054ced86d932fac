"""Datos de partida; repetirlo no cambia nada. La clave la cifra pgcrypto dentro de la base."""

import os

from modelo import motor
from sqlalchemy import text

with motor().begin() as base:
    for nombre, rol in [("admin", "ADMIN"), ("tomas", "TECNICO"), ("clara", "CLIENTE")]:
        base.execute(
            text(
                "INSERT INTO usuarios (nombre, rol, clave)"
                " VALUES (:nombre, :rol, crypt(:clave, gen_salt('bf', 6)))"
                " ON CONFLICT (nombre) DO NOTHING"
            ),
            {"nombre": nombre, "rol": rol, "clave": os.environ["CLAVE_INICIAL"]},
        )
    for numero in range(1, 6):
        base.execute(
            text("INSERT INTO empresas (nombre) VALUES (:nombre) ON CONFLICT DO NOTHING"),
            {"nombre": f"Compañía Ñandú nº {numero}"},
        )
    if base.execute(text("SELECT count(*) FROM solicitudes")).scalar() == 0:
        for numero in range(40):
            base.execute(
                text(
                    "INSERT INTO solicitudes (empresa_id, cliente_id, asunto, prioridad)"
                    " SELECT e.id, u.id, :asunto, :prioridad FROM empresas e, usuarios u"
                    " WHERE e.nombre LIKE :empresa AND u.nombre = 'clara'"
                ),
                {
                    "asunto": f"Revisión «{numero}»\tcon acentos",
                    "prioridad": numero % 5 + 1,
                    "empresa": f"%nº {numero % 5 + 1}",
                },
            )
    for tabla in ("usuarios", "empresas", "solicitudes"):
        print(tabla, base.execute(text(f"SELECT count(*) FROM {tabla}")).scalar())
