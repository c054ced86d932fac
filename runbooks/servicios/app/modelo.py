"""Las tablas, y cómo se llega a ellas. La contraseña viene del entorno."""

import os
from datetime import datetime

from sqlalchemy import (
    URL,
    CheckConstraint,
    DateTime,
    ForeignKey,
    String,
    create_engine,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Usuario(Base):
    __tablename__ = "usuarios"

    id: Mapped[int] = mapped_column(primary_key=True)
    nombre: Mapped[str] = mapped_column(String(80), unique=True)
    rol: Mapped[str] = mapped_column(String(12))
    clave: Mapped[str] = mapped_column(String(80))

    __table_args__ = (
        CheckConstraint("rol IN ('ADMIN', 'TECNICO', 'CLIENTE', 'SUPERVISOR')", name="rol_conocido"),
    )


class Empresa(Base):
    __tablename__ = "empresas"

    id: Mapped[int] = mapped_column(primary_key=True)
    nombre: Mapped[str] = mapped_column(String(120), unique=True)


class Solicitud(Base):
    __tablename__ = "solicitudes"

    id: Mapped[str] = mapped_column(
        String(36), primary_key=True, server_default=text("uuid_generate_v4()::text")
    )
    empresa_id: Mapped[int] = mapped_column(ForeignKey("empresas.id"))
    cliente_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id"))
    tecnico_id: Mapped[int | None] = mapped_column(ForeignKey("usuarios.id"))
    asunto: Mapped[str] = mapped_column(String(200))
    estado: Mapped[str] = mapped_column(String(12), server_default="ABIERTA")
    prioridad: Mapped[int] = mapped_column(server_default="3")
    creada: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def direccion():
    return URL.create(
        "postgresql+psycopg2",
        username=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        host="127.0.0.1",
        port=int(os.environ["puerto_db"]),
        database=os.environ["DB_NAME"],
    )


def motor():
    return create_engine(direccion(), connect_args={"connect_timeout": 5}, pool_pre_ping=True)
