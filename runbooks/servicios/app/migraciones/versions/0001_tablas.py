"""Las tres tablas."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "usuarios",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nombre", sa.String(80), nullable=False, unique=True),
        sa.Column("rol", sa.String(12), nullable=False),
        sa.Column("clave", sa.String(80), nullable=False),
        sa.CheckConstraint(
            "rol IN ('ADMIN', 'TECNICO', 'CLIENTE', 'SUPERVISOR')", name="rol_conocido"
        ),
    )
    op.create_table(
        "empresas",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nombre", sa.String(120), nullable=False, unique=True),
    )
    op.create_table(
        "solicitudes",
        sa.Column(
            "id", sa.String(36), primary_key=True, server_default=sa.text("uuid_generate_v4()::text")
        ),
        sa.Column("empresa_id", sa.Integer, sa.ForeignKey("empresas.id"), nullable=False),
        sa.Column("cliente_id", sa.Integer, sa.ForeignKey("usuarios.id"), nullable=False),
        sa.Column("tecnico_id", sa.Integer, sa.ForeignKey("usuarios.id")),
        sa.Column("asunto", sa.String(200), nullable=False),
        sa.Column("estado", sa.String(12), nullable=False, server_default="ABIERTA"),
        sa.Column(
            "creada", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )


def downgrade():
    for tabla in ("solicitudes", "empresas", "usuarios"):
        op.drop_table(tabla)
