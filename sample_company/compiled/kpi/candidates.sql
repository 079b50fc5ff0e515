-- Every candidate of every adopted KPI. Written by `kpi compile`.
{{ config(materialized='view') }}

with observations as (

    select * from {{ ref('kpi_average_order_value') }}
    union all
    select * from {{ ref('kpi_clv') }}
    union all
    select * from {{ ref('kpi_csat') }}
    union all
    select * from {{ ref('kpi_customer_churn_rate') }}
    union all
    select * from {{ ref('kpi_customer_retention_rate') }}
    union all
    select * from {{ ref('kpi_grr') }}
    union all
    select * from {{ ref('kpi_new_customers') }}
    union all
    select * from {{ ref('kpi_nps') }}
    union all
    select * from {{ ref('kpi_nrr') }}
    union all
    select * from {{ ref('kpi_repeat_purchase_rate') }}
    union all
    select * from {{ ref('kpi_return_rate') }}
    union all
    select * from {{ ref('kpi_gross_margin') }}
    union all
    select * from {{ ref('kpi_net_revenue') }}
    union all
    select * from {{ ref('kpi_operating_cost_ratio') }}
    union all
    select * from {{ ref('kpi_order_backlog') }}
    union all
    select * from {{ ref('kpi_revenue_growth_yoy') }}
    union all
    select * from {{ ref('kpi_idea_to_launch_rate') }}
    union all
    select * from {{ ref('kpi_new_product_revenue_share') }}
    union all
    select * from {{ ref('kpi_new_products_launched') }}
    union all
    select * from {{ ref('kpi_rd_intensity') }}
    union all
    select * from {{ ref('kpi_ad_conversion_rate') }}
    union all
    select * from {{ ref('kpi_bounce_rate') }}
    union all
    select * from {{ ref('kpi_cac') }}
    union all
    select * from {{ ref('kpi_conversion_rate') }}
    union all
    select * from {{ ref('kpi_cost_per_conversion') }}
    union all
    select * from {{ ref('kpi_cpc') }}
    union all
    select * from {{ ref('kpi_cpl') }}
    union all
    select * from {{ ref('kpi_ctr') }}
    union all
    select * from {{ ref('kpi_engagement_rate') }}
    union all
    select * from {{ ref('kpi_lead_to_customer_rate') }}
    union all
    select * from {{ ref('kpi_roas') }}
    union all
    select * from {{ ref('kpi_web_sessions') }}
    union all
    select * from {{ ref('kpi_incident_resolution_time_p50') }}
    union all
    select * from {{ ref('kpi_inventory_turns') }}
    union all
    select * from {{ ref('kpi_mttr') }}
    union all
    select * from {{ ref('kpi_on_time_delivery') }}
    union all
    select * from {{ ref('kpi_open_orders') }}
    union all
    select * from {{ ref('kpi_order_cycle_time') }}
    union all
    select * from {{ ref('kpi_stockout_rate') }}
    union all
    select * from {{ ref('kpi_unit_cost') }}
    union all
    select * from {{ ref('kpi_absence_rate') }} where freq <> 'S'
    union all
    select * from {{ ref('kpi_engagement_score') }}
    union all
    select * from {{ ref('kpi_enps') }}
    union all
    select * from {{ ref('kpi_gender_pay_gap') }}
    union all
    select * from {{ ref('kpi_goal_attainment') }}
    union all
    select * from {{ ref('kpi_headcount') }}
    union all
    select * from {{ ref('kpi_revenue_per_employee') }}
    union all
    select * from {{ ref('kpi_time_to_fill') }}
    union all
    select * from {{ ref('kpi_time_to_hire') }}
    union all
    select * from {{ ref('kpi_training_hours_per_fte') }}
    union all
    select * from {{ ref('kpi_turnover_rate') }}
    union all
    select * from {{ ref('kpi_turnover_voluntary_rate') }}
    union all
    select * from {{ ref('kpi_women_in_management') }}
    union all
    select * from {{ ref('kpi_energy_intensity') }}
    union all
    select * from {{ ref('kpi_energy_use') }}
    union all
    select * from {{ ref('kpi_ghg_scope12_location') }}
    union all
    select * from {{ ref('kpi_ghg_scope12_market') }}
    union all
    select * from {{ ref('kpi_injury_frequency_recordable') }}
    union all
    select * from {{ ref('kpi_ltifr') }}
    union all
    select * from {{ ref('kpi_near_misses_reported') }}
    union all
    select * from {{ ref('kpi_waste_generated') }}
    union all
    select * from {{ ref('kpi_water_consumption') }}
    union all
    select * from {{ ref('kpi_women_on_board') }}
    union all
    select * from {{ ref('kpi_availability') }}
    union all
    select * from {{ ref('kpi_change_fail_rate') }}
    union all
    select * from {{ ref('kpi_defect_resolution_time_p50') }}
    union all
    select * from {{ ref('kpi_defect_resolution_time_p90') }}
    union all
    select * from {{ ref('kpi_defects_reported') }}
    union all
    select * from {{ ref('kpi_deployment_frequency') }}
    union all
    select * from {{ ref('kpi_product_adoption_rate') }}
    union all
    select * from {{ ref('kpi_sprint_burndown_remaining') }}
    union all
    select * from {{ ref('kpi_sprint_commitment_reliability') }}
    union all
    select * from {{ ref('kpi_sprint_velocity') }}
    union all
    select * from {{ ref('kpi_stickiness_dau_mau') }}

),

hashes as (

    -- Ten digits of canonical text: sums of DOUBLE differ between runs in their last ones.
    select
        kpi_id,
        freq,
        time_period,
        sha256(
            string_agg(
                concat_ws(
                    '|', segment, member,
                    coalesce(printf('%.9e', obs_value), ''),
                    coalesce(printf('%.9e', numerator), ''),
                    coalesce(printf('%.9e', denominator), ''),
                    coalesce(printf('%.9e', year_to_date), ''), coalesce(printf('%.9e', rolling_12_months), ''),
                    coalesce(n_obs, -1), coalesce(n_persons_numerator, -1), coalesce(n_persons_denominator, -1),
                    definition_hash
                ),
                chr(10) order by segment, member
            )
        ) as candidate_hash
    from observations
    group by kpi_id, freq, time_period

)

select
    observations.* exclude (definition_hash, batch_id),
    observations.definition_hash,
    hashes.candidate_hash,
    observations.batch_id
from observations
inner join hashes using (kpi_id, freq, time_period)
