import pandas
import streamlit
from modelo import motor
from sqlalchemy import text

CONSULTA = """
    SELECT e.nombre AS empresa, s.asunto, s.estado, s.prioridad
    FROM solicitudes s JOIN empresas e ON e.id = s.empresa_id
    ORDER BY s.prioridad, s.asunto
"""

streamlit.set_page_config(page_title="Servicios", layout="wide")
streamlit.title("Solicitudes de servicio")
with motor().connect() as base:
    base.execute(text("SET statement_timeout = '10s'"))
    filas = pandas.read_sql(text(CONSULTA), base)
streamlit.metric("Abiertas", int((filas.estado == "ABIERTA").sum()))
streamlit.dataframe(filas)
streamlit.caption("Fin de la página")
