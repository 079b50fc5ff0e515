"""One simulation run: every source system, month by month."""

from __future__ import annotations

from pathlib import Path

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.finance.exchange_rates import write_exchange_rates
from sample_company.simulator.finance.ledger import write_ledger
from sample_company.simulator.marketing.campaigns import write_campaigns
from sample_company.simulator.marketing.leads import Leads, lead_email
from sample_company.simulator.marketing.media import write_ads, write_web
from sample_company.simulator.people.absences import Absences
from sample_company.simulator.people.goals import Goals
from sample_company.simulator.people.managers import Managers
from sample_company.simulator.people.near_misses import write_near_misses
from sample_company.simulator.people.recruiting import write_recruiting
from sample_company.simulator.people.safety import Safety
from sample_company.simulator.people.staff import Staff, staff_ahead
from sample_company.simulator.people.staff_survey import Survey
from sample_company.simulator.people.training import write_completions
from sample_company.simulator.sales.club import Club
from sample_company.simulator.sales.customer_survey import write_survey
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.sales.products import make_products, write_products
from sample_company.simulator.sales.shop import Shop
from sample_company.simulator.sales.stock import write_stock
from sample_company.simulator.sales.support import write_tickets
from sample_company.simulator.sustainability.board import write_board
from sample_company.simulator.sustainability.footprint import write_activities, write_factors, write_waste, write_water
from sample_company.simulator.technology.app import write_app
from sample_company.simulator.technology.delivery import write_defects, write_deployments, write_probes
from sample_company.simulator.technology.ideas import write_ideas
from sample_company.simulator.technology.launches import write_launches
from sample_company.simulator.technology.operations import write_energy, write_incidents
from sample_company.simulator.technology.sprints import Boards
from sample_company.simulator.timeline import Span


def simulate(out: Path, span: Span) -> None:
    """Write the files of all source systems below `out`; other files there are left alone."""
    folder = SourceFolder(out)
    products = make_products(span)
    customers = Customers(span)
    leads = Leads(folder, span)
    shop = Shop(folder, span, customers, products)
    club = Club(span, customers)
    boards = Boards(folder, span)
    staff = Staff(span)
    absences = Absences(span, staff)
    managers = Managers(span, staff)
    ahead = staff_ahead(span)
    safety = Safety(folder, span, staff)
    goals = Goals(span, staff)
    survey = Survey(span, staff, ahead)
    for month in span.months():
        n_registered = len(customers)
        shop.run(month)
        club.run(month, n_registered)
        write_tickets(folder, span, customers, n_registered, month)
        write_survey(folder, span, customers, n_registered, month)
        write_app(folder, span, customers, n_registered, month)
        write_incidents(folder, span, month)
        write_probes(folder, span, month)
        write_deployments(folder, span, month)
        write_defects(folder, span, month)
        boards.run(month)
        media = write_ads(folder, span, month)
        write_web(folder, span, month, shop.web_orders)
        leads.run(month)
        kwh = write_energy(folder, span, month)
        staff.run(month)
        absences.run(month)
        managers.run(month)
        survey.run(month)
        safety.run(month)
        goals.run(month)
        write_activities(folder, span, month, shop.sold, kwh)
        write_near_misses(folder, span, month)
        write_waste(folder, span, month, shop.sold)
        write_completions(folder, span, month, staff)
        write_stock(folder, span, month, products, shop.sold)
        write_ledger(folder, span, month, products, shop.sold, media)
    write_products(folder, span, products)
    customers.write(folder, {customer: lead_email(lead) for customer, lead in leads.became(customers).items()})
    club.write(folder)
    boards.write()
    staff.write(folder)
    absences.write(folder)
    managers.write(folder)
    survey.write(folder)
    safety.write()
    goals.write(folder)
    write_ideas(folder, span, products)
    write_campaigns(folder, span)
    write_board(folder, span)
    write_factors(folder, span)
    write_water(folder, span)
    write_recruiting(folder, span, ahead)
    write_launches(folder, span, products)
    write_exchange_rates(folder, span)
